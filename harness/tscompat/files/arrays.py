"""Reads .npy and .npz files of numpy: the headers at once, an array's elements when a writer asks for them.

The zip's directory is read once. Arrays of Python objects (pickles) are never loaded. May import values.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import Buffer

from .item import Contents, Item, Model, ModelFileError, Unfit
from .members import STORED, Member, ZipError, content, directory, head, place, refuse_overlaps
from .npy import MAGIC, MOST_HEADER, Header, NpyError, header
from .source import MOST_ENTRIES, Source

_SUFFIX = ".npy"
NPY, NPZ = "an array of numpy.save", "arrays of numpy.savez"


def is_npy(source: Source) -> bool:
    """Whether the file begins as numpy.save writes it."""
    return bytes(source.data[: len(MAGIC)]) == MAGIC


def is_npz(source: Source) -> bool:
    """Whether the file is a zip that holds arrays of numpy, and nothing else."""
    found = source.members
    return bool(found) and all(member.name.endswith(_SUFFIX) for member in found)


def read_npy(source: Source) -> Model:
    """The array of the file, a single tensor. Raises ModelFileError, for an array that no tensor can hold too."""
    try:
        found = header(source.data[: MOST_HEADER + 12], len(source.data))
    except NpyError as error:
        raise ModelFileError(f"{source.path}: cannot be read as {NPY}: {error}") from None
    if found.dtype is None:
        raise ModelFileError(f"{source.path}: {found.why_unfit}")
    return Model(source.path, NPY, [_item("", found, source.data, 0)], single=True)


def read_npz(source: Source) -> Model:
    """An item for each array of the file, an Unfit for a member that no tensor can hold. Raises ModelFileError."""
    try:
        found = directory(source.data, MOST_ENTRIES) if source.members is None else source.members
        refuse_overlaps(source.data, found)
        contents: Contents = [_member(source, member) for member in found]
    except ZipError as error:
        raise ModelFileError(f"{source.path}: cannot be read as {NPZ}: {error}") from None
    return Model(source.path, NPZ, contents)


def _member(source: Source, member: Member) -> Item | Unfit:
    name = member.name.removesuffix(_SUFFIX)
    try:
        found = header(head(source.data, member, MOST_HEADER + 12), member.size)
    except NpyError as error:
        return Unfit(name, f"the array {error}" if str(error).startswith("is no") else str(error))
    if found.dtype is None:
        return Unfit(name, found.why_unfit)
    if member.method == STORED:
        start = place(source.data, member)
        item = _item(name, found, source.data[start : start + member.packed], start)
    else:
        item = _item(name, found, b"", 0)._replace(copies=True, offset=None)
    return item._replace(read=_Checked(source, member, found))


class _Checked:
    """Reads the elements of a zip's array, and compares the member's CRC the first time if it is stored."""

    def __init__(self, source: Source, member: Member, found: Header) -> None:
        self._source, self._member, self._found = source, member, found
        self._stored: memoryview | None = None

    def __call__(self) -> Buffer:
        """The elements, in the form of ``Tensor.data``. Raises ModelFileError for a damaged member."""
        try:
            data = content(self._source.data, self._member) if self._stored is None else self._stored
        except ZipError as error:
            raise ModelFileError(f"{self._source.path}: {error}") from None
        if self._member.method == STORED:
            self._stored = data
        return _elements(self._found, data)


def _item(name: str, found: Header, data: bytes | memoryview, start: int) -> Item:
    assert found.dtype is not None
    copies = _must_copy(found)
    offset = None if copies else start + found.start
    return Item(name, found.dtype, found.shape, lambda: _elements(found, data), copies, offset=offset)


def _must_copy(found: Header) -> bool:
    """Whether the elements do not lie in the file as ``Tensor.data`` has them."""
    assert found.dtype is not None
    ordered = not found.fortran or sum(dim != 1 for dim in found.shape) < 2
    return not ordered or (found.big and found.dtype.scalar.itemsize > 1)


def _elements(found: Header, data: bytes | memoryview) -> Buffer:
    raw = data[found.start :]
    if not _must_copy(found):
        return raw
    assert found.dtype is not None
    # The element is one number in memory, of one or two parts: the parts are swapped one by one.
    scalar = found.dtype.scalar
    order = scalar.newbyteorder(">") if found.big else scalar
    parts = (found.dtype.parts,) if found.dtype.parts > 1 else ()
    array = np.frombuffer(raw, order)
    if found.fortran:
        # Reversed, the dims are in the order in which they lie; the parts of an element stay together.
        array = array.reshape((*found.shape[::-1], *parts))
        array = array.transpose(*range(len(found.shape))[::-1], *([len(found.shape)] if parts else []))
    return np.ascontiguousarray(array, scalar)
