"""Conversions against a plain copy, plain reading and loading of the same file, one after the other in one process.

Takes some 5 GB of disk in pytest's ``--basetemp``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch

from bench.bench_codec import label
from bench.fixture import Benchmark
from tscompat.verbs.convert import prepare

FILES = [("model.pth", "out.dat"), ("model.dat", "out.safetensors"), ("model.safetensors", "out.dat")]
ROUNDS = 10
"""Rounds of each benchmark; the fastest counts."""


def convert(source: Path, target: Path) -> None:
    """Convert as the command does, without the verification by TorchSharp."""
    prepare(source, target, tell=print).write(lambda written: None)


def plain_reading(source: Path, target: Path) -> None:
    """Read the source from end to end; nothing is written."""
    memory = memoryview(bytearray(1 << 20))
    with source.open("rb", buffering=0) as file:
        while file.readinto(memory):
            pass


def cast(source: Path, target: Path) -> None:
    """Convert with all values rounded to bfloat16."""
    prepare(source, target, dtype="bf16", tell=print).write(lambda written: None)


RIVALS: dict[str, Callable[[Path, Path], object]] = {
    "tscompat": convert,
    "with --dtype bf16": cast,
    "copy": shutil.copyfile,
    "plain reading": plain_reading,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder with a model of 1 GB in each format, removed after the last benchmark."""
    folder = tmp_path_factory.mktemp("convert")
    generator = torch.Generator().manual_seed(0)
    state = {f"layers.{i}.weight": torch.randn(1953, 4000, generator=generator) for i in range(32)}
    torch.save(state, folder / "model.pth")
    convert(folder / "model.pth", folder / "model.dat")
    convert(folder / "model.dat", folder / "model.safetensors")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize(("source", "target"), FILES)
def test_convert(source: str, target: str, rival: str, folder: Path, benchmark: Benchmark) -> None:
    """Convert into a new file every round."""
    label(benchmark, f"convert {Path(source).suffix} to {Path(target).suffix}", rival)

    def fresh() -> tuple[tuple[Path, Path], dict[str, object]]:
        (folder / target).unlink(missing_ok=True)
        return (folder / source, folder / target), {}

    benchmark.pedantic(RIVALS[rival], setup=fresh, rounds=ROUNDS, warmup_rounds=1)
    (folder / target).unlink(missing_ok=True)
