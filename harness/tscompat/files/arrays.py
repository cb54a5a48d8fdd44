"""Reads .npz files of numpy: the headers at once, an array's elements when a writer asks for them. May import values.

``numpy.lib.format`` parses headers and elements. Arrays of Python objects (pickles) are never loaded.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from typing_extensions import Buffer

from tscompat.values.dtypes import BY_TORCH, DType

from .item import Contents, Item, ModelFileError, Unfit

_DTYPES: dict[np.dtype[Any], DType] = {
    BY_TORCH[name].scalar if BY_TORCH[name].parts == 1 else np.dtype(name).newbyteorder("<"): BY_TORCH[name]
    for name in (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
"""The dtypes that numpy itself defines. A file has ml_dtypes' bfloat16 as ``|V2``, which does not identify the type."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, NotImplementedError, RuntimeError)
"""What zipfile and numpy raise for a file that is damaged, encrypted or no .npz."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def contents(path: Path) -> Contents:
    """An item for each array of the file, an Unfit for a member that no tensor can hold.

    Raises one of ``BROKEN`` when the file cannot be read, and OSError.
    """
    with zipfile.ZipFile(path) as archive:
        return [_member(archive, path, member) for member in archive.namelist()]


def _member(archive: zipfile.ZipFile, path: Path, member: str) -> Item | Unfit:
    name = member.removesuffix(".npy")
    with archive.open(member) as file:
        try:
            header = _HEADERS[npy.read_magic(file)]
        except (KeyError, ValueError):
            return Unfit(name, f"{member} is no array in numpy's format 1.0 or 2.0")
        shape, _, dtype = header(file)
    known = _DTYPES.get(dtype.newbyteorder("<"))
    if known is None:
        return Unfit(name, f"its numpy dtype {dtype.str} has no counterpart among tensors: save it with another dtype")

    def read() -> Buffer:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as file:
                array = npy.read_array(file, allow_pickle=False)
        except BROKEN as error:
            raise ModelFileError(f"{path}: the array {member} is damaged: {error}") from error
        return np.ascontiguousarray(array, dtype.newbyteorder("<"))

    return Item(name, known, shape, read, copies=True)
