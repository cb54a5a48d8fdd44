"""What the tests of conversion share: tensors of every dtype with bits of every kind, and how their files are read."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from tscompat.codec import read_state_dict
from tscompat.files.pickled.torch_zip import Archive
from tscompat.files.source import Source
from tscompat.files.zips import members
from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import DTYPES, FOREIGN, DType
from tscompat.values.tensors import Entry, StateDict, tensor_of
from tscompat.verbs.convert import prepare

ALL = (*DTYPES, *FOREIGN)


def random_entry(name: str, dtype: DType, shape: tuple[int, ...] = (3, 5)) -> Entry:
    """Random bytes: NaNs with payloads among them. A bool is 0 or 1."""
    size = dtype.itemsize * int(np.prod(shape))
    data = np.random.default_rng(len(name)).integers(0, 2 if dtype.name == "bool" else 256, size, np.uint8)
    return Entry(name, tensor_of(dtype, shape, data))


def to_torch(entries: StateDict) -> dict[str, torch.Tensor]:
    return {name: torch_tensors.to_torch(tensor) for name, tensor in entries}


def convert(source: Path, target: Path, **options: Any) -> list[str]:
    """Convert, and return what was reported."""
    said: list[str] = []
    prepare(source, target, tell=said.append, **options).write(lambda written: None)
    return said


def described(document: object) -> Any:
    """What the unpickler makes of a document that torch.save wrote."""
    file = io.BytesIO()
    torch.save(document, file)
    source = Source(Path("document.pth"), memoryview(file.getvalue()))
    return Archive(source, members(source)).unpickled().document


SAFETENSORS: Any = safetensors.torch
"""Its functions are only partly typed."""


def save_safetensors(state: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a file with the library safetensors."""
    SAFETENSORS.save_file(state, path, metadata)


def load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a file with the library safetensors."""
    return SAFETENSORS.load_file(path)


def load_pickle(path: Path) -> StateDict:
    """Read a file with torch, which warns about its own storages of quantized tensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch_tensors.export(torch.load(path, weights_only=True))


READ: dict[str, Callable[[Path], StateDict]] = {
    ".dat": read_state_dict,
    ".safetensors": lambda path: torch_tensors.export(load_safetensors(path)),
    ".pth": load_pickle,
}
"""A reader for each format: of another library, except for .dat."""
