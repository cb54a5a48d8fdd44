"""Who reads and writes which golden files: Python's functions, and the routes whose .NET half does.

May import values, resources, codec, catalogue, python_side, routes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tscompat.catalogue import Case
from tscompat.codec import encode_optimizer, read_optimizer
from tscompat.codec.fields import Walk, fields_of_optimizer
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.routes.formats import PICKLE, SAFETENSORS, STATE_DICT, TENSOR, DatFormat, PythonFormat
from tscompat.values.tensors import StateDict

from .manifest import Format, Writer
from .optimizers import entries_of, record_of

Write: TypeAlias = Callable[[Path, Case, StateDict], None]
"""Takes the file, the case and its entries."""
Read: TypeAlias = Callable[[Path, StateDict], StateDict]
"""Takes the file and the case's entries, from which a single tensor gets its name."""


class PythonSide(NamedTuple):
    """What Python does with a format."""

    writer: Writer
    write: Write
    read: Read


def _oracle(form: DatFormat) -> PythonSide:
    def write(path: Path, case: Case, entries: StateDict) -> None:
        form.write(path, entries)

    return PythonSide(Writer.ORACLE, write, form.read)


def _write_optimizer(path: Path, case: Case, entries: StateDict) -> None:
    subject: Any = case.subject
    write_whole(path, encode_optimizer(record_of(case.id, subject)))


def _read_optimizer(path: Path, expected: StateDict) -> StateDict:
    return entries_of(read_optimizer(path))


def _library(writer: Writer, form: PythonFormat) -> PythonSide:
    def write(path: Path, case: Case, entries: StateDict) -> None:
        subject: Any = case.subject
        form.write(path, native.state(subject, entries))

    def read(path: Path, expected: StateDict) -> StateDict:
        assert form.read
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of quantized tensors
            return torch_tensors.export(form.read(path))

    return PythonSide(writer, write, read)


def _write_script(path: Path, case: Case, entries: StateDict) -> None:
    subject: Any = case.subject
    programs.save_script(path, subject, entries, [])


def _read_script(path: Path, expected: StateDict) -> StateDict:
    return torch_tensors.export(programs.load_script(path).state_dict())


PYTHON: Mapping[Format, PythonSide] = {
    Format.DAT: _oracle(STATE_DICT),
    Format.TENSOR: _oracle(TENSOR),
    Format.OPTIMIZER: PythonSide(Writer.ORACLE, _write_optimizer, _read_optimizer),
    Format.SAFETENSORS: _library(Writer.SAFETENSORS, SAFETENSORS),
    Format.PICKLE: _library(Writer.TORCH, PICKLE),
    Format.TORCHSCRIPT: PythonSide(Writer.TORCH, _write_script, _read_script),
}
ROUTES_OF: Mapping[Format, Sequence[str]] = {
    Format.DAT: ("dat", "dat-stream", "dat-writer", "dat-state-dict"),
    Format.TENSOR: ("tensor", "tensor-stream", "tensor-writer", "tensor-reader", "tensor-new", "tensor-ref"),
    Format.OPTIMIZER: ("optimizer", "optimizer-writer"),
    Format.SAFETENSORS: ("pybridge-safetensors", "pybridge-safetensors-stream", "pybridge-safetensors-dict"),
    Format.PICKLE: ("pybridge-pickle", "pybridge-pickle-stream", "pybridge-pickler"),
    Format.TORCHSCRIPT: ("torchscript", "torchscript-bytes"),
}
"""The routes whose .NET half reads a format. The first of each writes the golden files of .NET."""
FIXED = {Format.DAT, Format.TENSOR, Format.OPTIMIZER, Format.SAFETENSORS}
"""Formats whose files are the same bytes, whenever they are written. The bytes of the others, which are zip archives,
depend on the clock and the library: of what is written anew, the bits are compared."""
FIELDS: Mapping[Format, Walk] = {
    Format.DAT: STATE_DICT.fields,
    Format.TENSOR: TENSOR.fields,
    Format.OPTIMIZER: fields_of_optimizer,
}
"""The formats of FORMAT.md, with the function that finds the fields of a file."""
ORDERED = {Format.DAT}
"""Formats whose readers return the entries in the order of the file."""
WITHOUT_MODULE = {Format.TENSOR, Format.TORCHSCRIPT}
"""Formats that .NET does not load into a module."""
