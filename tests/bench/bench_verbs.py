"""``inspect`` and ``diff`` against cmp, plain reading, safetensors' loader and torch.load, one after the other.

The files are in the system's cache. Takes some 5 GB of disk in pytest's ``--basetemp``.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from bench.bench_codec import SHAPES, label
from bench.fixture import Benchmark
from tscompat.verbs.convert import prepare
from tscompat.verbs.diff import diff
from tscompat.verbs.inspect import inspect

FOR_TORCH: Any = safetensors.torch
ROUNDS = 5
"""Rounds of each benchmark; the fastest counts."""
STEP = 1 << 20

Rivals = dict[str, Callable[[Path, Path], object]]


def read(*paths: Path) -> None:
    """Read the files from end to end."""
    memory = memoryview(bytearray(STEP))
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(memory):
                pass


def cmp(a: Path, b: Path) -> None:
    """The command cmp, and the start of its process."""
    subprocess.run(["cmp", a, b], check=True)


def load(path: Path, _: Path) -> object:
    """Load the model as its own library does."""
    return FOR_TORCH.load_file(path) if path.suffix == ".safetensors" else torch.load(path, mmap=True)


@pytest.fixture(scope="module", params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder, named by its size, with a model twice in each format; removed after the last benchmark with it."""
    folder = tmp_path_factory.mktemp("verbs") / request.param
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    shapes = SHAPES[request.param]
    state = {f"layers.{i}.weight": torch.randn(shape, generator=generator) for i, shape in enumerate(shapes)}
    torch.save(state, folder / "a.pth")
    for suffix in (".dat", ".safetensors"):
        prepare(folder / "a.pth", folder / f"a{suffix}", tell=print).write(lambda written: None)
    for path in list(folder.iterdir()):
        shutil.copyfile(path, path.with_stem("b"))
    read(*folder.iterdir())
    yield folder
    shutil.rmtree(folder)


DIFF: Rivals = {
    "tscompat": lambda a, b: diff(a, b),
    "cmp": cmp,
    "reading both": read,
}
INSPECT: Rivals = {
    "tscompat": lambda a, _: inspect(a),
    "with --stats": lambda a, _: inspect(a, stats=True),
    "plain reading": lambda a, _: read(a),
    "loading": load,
}


@pytest.mark.skipif(shutil.which("cmp") is None, reason="there is no cmp")
@pytest.mark.parametrize("rival", DIFF)
@pytest.mark.parametrize("suffix", [".dat", ".safetensors", ".pth"])
def test_diff(suffix: str, rival: str, folder: Path, benchmark: Benchmark) -> None:
    """Compare two equal files."""
    label(benchmark, f"diff {suffix}, {folder.name}", rival)
    pair = folder / f"a{suffix}", folder / f"b{suffix}"
    benchmark.pedantic(DIFF[rival], args=pair, rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize("rival", INSPECT)
@pytest.mark.parametrize("suffix", [".dat", ".safetensors", ".pth"])
def test_inspect(suffix: str, rival: str, folder: Path, benchmark: Benchmark) -> None:
    """Look into a file. A .dat has no loader but ours, so that of .pth stands beside it."""
    label(benchmark, f"inspect {suffix}, {folder.name}", rival)
    path = folder / f"a{'.pth' if suffix == '.dat' and rival == 'loading' else suffix}"
    benchmark.pedantic(INSPECT[rival], args=(path, path), rounds=ROUNDS, warmup_rounds=1)
