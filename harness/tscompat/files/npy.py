"""Reads the header of an array in numpy's format (.npy), without evaluating it. May import values.

A header is a literal of Python. numpy evaluates it; here a regular expression takes its three fields.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from tscompat.values.dtypes import BY_TORCH, DType
from tscompat.values.tensors import Tensor
from tscompat.values.text import quoted, shown

MAGIC = b"\x93NUMPY"
MOST_HEADER = 1 << 16
"""The largest header, in bytes, that is read; numpy reads 10,000 unless it is asked to (``_MAX_HEADER_SIZE``)."""
_MOST_RANK = 64
"""numpy's largest rank (``NPY_MAXDIMS``)."""
_LENGTHS = {1: "<H", 2: "<I", 3: "<I"}
"""The length of the header, by the format's major version."""

_KINDS = {
    **{"b1": "bool", "?": "bool", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "B": "uint8"},
    **{"i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "b": "int8"},
    **{"f2": "float16", "f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128"},
}
"""The dtypes that numpy itself defines, by their name in a header without the byte order."""
_HIDDEN = re.compile(r"[|<>=]?[Vv](1|2)$")
"""What numpy writes for ml_dtypes' types, which it does not know: only their size is left."""

_FIELD = re.compile(
    r"""\s*(['"])(?P<name>\w{1,40})\1\s*:\s*(?:"""
    r"""(?P<words>'[^'\\]*'|"[^"\\]*")|(?P<truth>True|False)|"""
    r"""\((?P<shape>[\s\d,L]*)\)|(?P<list>\[.*\]))\s*(?:,|$)""",
    re.DOTALL,
)
_DIMS = re.compile(r"\s*(?:\d{1,19}L?\s*,\s*)*(?:\d{1,19}L?\s*)?")


class NpyError(ValueError):
    """This is no array that can be read: half a sentence, without the path."""


class Header(NamedTuple):
    """What the header states, and where the elements begin."""

    dtype: DType | None
    """None for one that no tensor has."""
    descr: str
    """The name of the dtype in numpy, for messages."""
    shape: tuple[int, ...]
    fortran: bool
    """Whether the first index varies fastest."""
    big: bool
    """Whether the bytes of an element are in the opposite order of a .dat's."""
    start: int
    """The first byte of the elements, from the start of the array's bytes."""

    @property
    def nbytes(self) -> int:
        """Bytes of the elements; 0 without a dtype."""
        return Tensor(self.dtype, self.shape, b"").nbytes if self.dtype else 0

    @property
    def why_unfit(self) -> str:
        """Why no tensor can hold the array; empty if one can."""
        if self.dtype is not None:
            return ""
        if self.descr.endswith("O"):
            return (
                "an array of Python objects, which is a pickle and could run any code: where you trust the file, load "
                "it in Python (allow_pickle=True) and save what it holds as arrays of numbers"
            )
        found = f"its numpy dtype {shown(self.descr)}"
        if hidden := _HIDDEN.match(self.descr):
            which = "bfloat16" if hidden[1] == "2" else "float8"
            return (
                f"{found} does not show the type, which may be {which} of ml_dtypes: view() it as its type in Python, "
                "and save it as float32"
            )
        return f"{found} has no counterpart among tensors: save it with another dtype"


def header(data: bytes | memoryview, size: int) -> Header:
    """The header of the array that begins with ``data``, of ``size`` bytes in all. Raises NpyError.

    ``data`` must have the whole header, or ``MOST_HEADER`` bytes and 12 more.
    """
    if bytes(data[:6]) != MAGIC:
        raise NpyError("is no array in numpy's format")
    length = _LENGTHS.get(data[6]) if len(data) > 6 else "<H"
    if length is None:
        raise NpyError(f"of numpy's format {data[6]}, unknown here")
    at = 8 + struct.calcsize(length)
    if len(data) < at:
        raise NpyError("incomplete: it ends in the header")
    (count,) = struct.unpack_from(length, data, 8)
    if count > MOST_HEADER:
        raise NpyError(f"its header has {count:,} bytes, where at most {MOST_HEADER:,} are read")
    if count > len(data) - at:
        raise NpyError(f"incomplete: its header has {count:,} bytes, and {len(data) - at:,} are there")
    fields = _fields(bytes(data[at : at + count]).decode("utf-8" if data[6] == 3 else "latin-1", "replace"))
    made = _header(fields, at + count)
    if made.nbytes > size - made.start:
        missing = made.nbytes - (size - made.start)
        raise NpyError(f"incomplete: {missing:,} of the array's {made.nbytes:,} bytes are missing at the end")
    if made.dtype and made.nbytes < size - made.start:
        raise NpyError(f"{size - made.start - made.nbytes:,} more bytes after the array")
    return made


def _fields(text: str) -> dict[str, re.Match[str]]:
    inner = text.strip(" \t\r\n\0")
    if not (inner.startswith("{") and inner.endswith("}")):
        raise NpyError(f"its header is none of numpy's: {quoted(text)}")
    inner = inner[1:-1].rstrip()
    fields: dict[str, re.Match[str]] = {}
    at = 0
    while at < len(inner):
        field = _FIELD.match(inner, at)
        if field is None or field["name"] in fields:
            raise NpyError(f"its header is none of numpy's, from {quoted(inner[at : at + 100])} on")
        fields[field["name"]] = field
        at = field.end()
    return fields


def _header(fields: dict[str, re.Match[str]], start: int) -> Header:
    if fields.keys() != {"descr", "fortran_order", "shape"}:
        raise NpyError(f"its header has the fields {quoted(sorted(fields))}, expected descr, fortran_order, shape")
    words, truth, shape = fields["descr"], fields["fortran_order"]["truth"], fields["shape"]["shape"]
    if truth is None or shape is None or not _DIMS.fullmatch(shape) or (shape.strip() and "," not in shape):
        raise NpyError("its header is none of numpy's: expected fortran_order as True or False, shape as a tuple")
    dims = tuple(int(dim) for dim in re.findall(r"\d+", shape))
    if len(dims) > _MOST_RANK:
        raise NpyError(f"its shape has {len(dims)} dimensions, where numpy has at most {_MOST_RANK}")
    descr = words["words"][1:-1] if words["words"] else words["list"] or ""
    name = _KINDS.get(descr.lstrip("<>|=")) if len(descr) - len(descr.lstrip("<>|=")) <= 1 else None
    dtype = BY_TORCH[name] if name else None
    return Header(dtype, descr, dims, truth == "True", descr.startswith(">"), start)
