"""The codec and the comparison against bare system calls, safetensors, torch and, if given, upstream's scripts.

Both times of a ratio are measured in one process, one after the other. ``TSCOMPAT_EXPORTSD`` and ``TSCOMPAT_IMPORTSD``
are paths of upstream's exportsd.py and importsd.py. Takes some 8 GB of memory and, in pytest's ``--basetemp``, of disk.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray

from bench.fixture import Benchmark
from tscompat.codec import encode_state_dict, index_state_dict, read_state_dict
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, tensor_of

F32, U8 = BY_NAME["f32"], BY_NAME["u8"]

FOR_TORCH: Any = safetensors.torch
FOR_NUMPY: Any = safetensors.numpy
"""Any, because safetensors annotates paths only in part."""

SHAPES = {"1 GB in 32 tensors": [(1953, 4000)] * 32, "20,000 small tensors": [(16,), (8, 8), (200,), (3, 3, 3)] * 5000}
ROUNDS = {"1 GB in 32 tensors": 10, "20,000 small tensors": 20}
"""Rounds of each benchmark of that size; the fastest counts."""

WANTED = {
    ("write 1 GB in 32 tensors", "bare write"): "wanted: at least 0.9",
    ("write 20,000 small tensors", "bare write"): "wanted: at least 1",
    ("open 20,000 small tensors", "importsd"): "wanted: at least 4",
    ("open 20,000 small tensors", "safetensors.torch"): "wanted: at least 4",
    ("open 20,000 small tensors", "safetensors.numpy"): "wanted: more than 1",
    ("compare 512 MB, aligned", "memcmp"): "wanted: at least 0.9",
    ("compare 512 MB, unaligned", "memcmp"): "wanted: at least 0.9",
    ("convert .pth to .dat", "copy"): "wanted: at least 0.5",
    ("convert .dat to .safetensors", "copy"): "wanted: at least 0.5",
    ("diff .dat, 1 GB in 32 tensors", "cmp"): "wanted: at least 0.67",
    ("diff .safetensors, 1 GB in 32 tensors", "cmp"): "wanted: at least 0.67",
    ("diff .pth, 1 GB in 32 tensors", "cmp"): "wanted: at least 0.67",
}


class Work(NamedTuple):
    """One state dict in the form that each rival takes, and the folder with the files to read."""

    size: str
    folder: Path
    tensors: dict[str, torch.Tensor]
    arrays: dict[str, NDArray[np.float32]]
    entries: StateDict
    parts: list[memoryview]
    """The canonical file, cut after every tensor."""


@pytest.fixture(scope="module", params=SHAPES)
def work(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Work]:
    """A random state dict; its folder is removed after the last benchmark that uses it."""
    generator = torch.Generator().manual_seed(0)
    shapes = SHAPES[request.param]
    tensors = {f"layers.{i}.weight": torch.randn(shape, generator=generator) for i, shape in enumerate(shapes)}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    entries = [Entry(name, tensor_of(F32, array.shape, array)) for name, array in arrays.items()]
    whole = memoryview(b"".join(encode_state_dict(entries)))
    ends = [0, *(entry.offset + entry.nbytes for entry in index_state_dict(whole))]
    parts = [whole[start:end] for start, end in pairwise(ends)]
    made = Work(request.param, tmp_path_factory.mktemp("codec"), tensors, arrays, entries, parts)
    (made.folder / "model.dat").write_bytes(whole)
    FOR_TORCH.save_file(tensors, made.folder / "model.safetensors")
    torch.save(tensors, made.folder / "model.pt")
    yield made
    shutil.rmtree(made.folder)


def bare_write(work: Work, path: Path) -> None:
    """Write the same bytes with one system call for each tensor, or more if a call does not take all."""
    with path.open("xb", buffering=0) as file:
        descriptor = file.fileno()
        for part in work.parts:
            written = os.write(descriptor, part)
            while written < len(part):
                written += os.write(descriptor, part[written:])


def upstream(variable: str) -> ModuleType | None:
    """The script whose path this environment variable holds; None if it is not set."""
    if variable not in os.environ:
        return None
    spec = importlib.util.spec_from_file_location(variable.lower(), os.environ[variable])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITERS: dict[str, Callable[[Work, Path], object]] = {
    "tscompat": lambda work, path: write_whole(path, encode_state_dict(work.entries)),
    "bare write": bare_write,
    "safetensors.torch": lambda work, path: FOR_TORCH.save_file(work.tensors, path),
    "safetensors.numpy": lambda work, path: FOR_NUMPY.save_file(work.arrays, path),
    "torch.save": lambda work, path: torch.save(work.tensors, path),
}
READERS: dict[str, Callable[[Path], object]] = {
    "tscompat": lambda folder: read_state_dict(folder / "model.dat"),
    "safetensors.torch": lambda folder: FOR_TORCH.load_file(folder / "model.safetensors"),
    "safetensors.numpy": lambda folder: FOR_NUMPY.load_file(folder / "model.safetensors"),
    "torch.load": lambda folder: torch.load(folder / "model.pt", mmap=True),
}


def export(exportsd: ModuleType, work: Work, path: Path) -> None:
    """Write a file with upstream's exportsd.py."""
    with path.open("xb") as file:
        exportsd.save_state_dict(work.tensors, file)


def load(importsd: ModuleType, folder: Path) -> object:
    """Read a file with upstream's importsd.py."""
    with (folder / "model.dat").open("rb") as file:
        return importsd.load_state_dict(file)


if script := upstream("TSCOMPAT_EXPORTSD"):
    WRITERS["exportsd"] = partial(export, script)

if script := upstream("TSCOMPAT_IMPORTSD"):
    READERS["importsd"] = partial(load, script)


def label(benchmark: Benchmark, group: str, name: str) -> None:
    """Name a benchmark, for its table and for the summary."""
    benchmark.group = group
    benchmark.extra_info.update(name=name, wanted=WANTED.get((group, name), ""))


@pytest.mark.parametrize("writer", WRITERS)
def test_write(writer: str, work: Work, benchmark: Benchmark) -> None:
    """Write a new file every round."""
    label(benchmark, f"write {work.size}", writer)
    path = work.folder / "written"

    def fresh() -> tuple[tuple[Work, Path], dict[str, object]]:
        path.unlink(missing_ok=True)
        return (work, path), {}

    benchmark.pedantic(WRITERS[writer], setup=fresh, rounds=ROUNDS[work.size], warmup_rounds=2)
    path.unlink()


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")  # importsd's own
@pytest.mark.parametrize("reader", READERS)
def test_open(reader: str, work: Work, benchmark: Benchmark) -> None:
    """Open a file until every tensor can be used; its elements need not have been read."""
    label(benchmark, f"open {work.size}", reader)
    benchmark.pedantic(READERS[reader], args=(work.folder,), rounds=ROUNDS[work.size], warmup_rounds=1)


def memcmp(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """The C library's memcmp."""
    function = (ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)).memcmp
    size = ctypes.c_size_t(a.nbytes)
    return function(ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(b.ctypes.data), size) == 0


COMPARERS: dict[str, Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool]] = {
    "tscompat": lambda a, b: not compare(*([Entry("a", tensor_of(U8, x.shape, x))] for x in (a, b))),
    "memcmp": memcmp,
    "numpy.array_equal": np.array_equal,
}


@pytest.fixture(scope="module")
def halves() -> list[NDArray[np.uint8]]:
    """Two equal arrays of a few bytes more than 512 MB."""
    return [np.ones(512_000_016, np.uint8) for _ in range(2)]


@pytest.mark.parametrize("comparer", COMPARERS)
@pytest.mark.parametrize(("alignment", "starts"), [("aligned", (0, 0)), ("unaligned", (0, 7))])
def test_compare(
    comparer: str,
    alignment: str,
    starts: tuple[int, int],
    halves: list[NDArray[np.uint8]],
    benchmark: Benchmark,
) -> None:
    """Compare equal bytes. Elements in a file start anywhere, those of a tensor in memory at a multiple of 64."""
    label(benchmark, f"compare 512 MB, {alignment}", comparer)
    a, b = (half[start : start + 512_000_000] for half, start in zip(halves, starts, strict=True))
    assert benchmark.pedantic(COMPARERS[comparer], args=(a, b), rounds=10)


@pytest.mark.parametrize("operation", ["write", "read"])
def test_memory(operation: str, tmp_path: Path, benchmark: Benchmark) -> None:
    """Measure the peak memory for a tensor of 4 GB, in a process of its own."""
    benchmark.group = "memory above a 4 GB tensor"
    path = tmp_path / "model.dat"

    def measure(operation: str) -> float:
        script = Path(__file__).with_name("peak_memory.py")
        command = [sys.executable, str(script), operation, str(path), str(4 * 10**9)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    if operation == "read":
        measure("write")
    mebibytes = benchmark.pedantic(measure, args=(operation,), rounds=1)
    benchmark.extra_info.update(name=operation, mebibytes=mebibytes, wanted="wanted: at most 64")
    path.unlink()
