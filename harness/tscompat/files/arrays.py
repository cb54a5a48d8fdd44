"""Reads .npy and .npz files of numpy: the headers at once, an array's elements when a writer asks for them.

The zip's directory is read once. Arrays of Python objects (pickles) are never loaded. May import values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from typing_extensions import Buffer

from .item import Contents, Item, Model, ModelFileError, Unfit
from .npy import MAGIC, MOST_HEADER, Header, NpyError, header
from .source import Source
from .zips import Member, fault, members, names

_SUFFIX = ".npy"
_MODELS = (".pkl", ".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".onnx", ".h5", ".npz")
"""Members that show that the zip is of another kind, or that several models are packed into it."""
NPY, NPZ = "an array of numpy.save", "arrays of numpy.savez"


def is_npy(source: Source) -> bool:
    """Whether the file begins as numpy.save writes it."""
    return bytes(source.data[: len(MAGIC)]) == MAGIC


def is_npz(source: Source) -> bool:
    """Whether the file is a zip that holds arrays of numpy, and no model in another form."""
    found = names(source)
    return any(name.endswith(_SUFFIX) for name in found) and not any(name.endswith(_MODELS) for name in found)


def read_npy(source: Source) -> Model:
    """The array of the file, a single tensor. Raises ModelFileError, for an array that no tensor can hold too."""
    try:
        found = header(source.data[: MOST_HEADER + 12], len(source.data))
    except NpyError as error:
        raise ModelFileError(f"{source.path}: cannot be read as {NPY}: {error}") from None
    if found.dtype is None:
        raise ModelFileError(f"{source.path}: {found.why_unfit}")
    return Model(source.path, NPY, [_item("", found, lambda: source.data, 0)], single=True)


def read_npz(source: Source) -> Model:
    """An item for each array of the file, an Unfit for a member that no tensor can hold. Raises ModelFileError."""
    if why := fault(source):
        raise ModelFileError(f"{source.path}: cannot be read as {NPZ}: {why}")
    found = members(source)
    contents: Contents = [_member(member) for name, member in found.items() if name.endswith(_SUFFIX)]
    return Model(source.path, NPZ, contents, passed=tuple(name for name in found if not name.endswith(_SUFFIX)))


def _member(member: Member) -> Item | Unfit:
    name = member.name.removesuffix(_SUFFIX)
    try:
        found = header(member.head(MOST_HEADER + 12), member.size)
    except NpyError as error:
        return Unfit(name, f"the array {error}" if str(error).startswith("is no") else str(error))
    if found.dtype is None:
        return Unfit(name, found.why_unfit)
    return _item(name, found, member.read, member.start if member.stored else None)


def _item(name: str, found: Header, read: Callable[[], Buffer], start: int | None) -> Item:
    """The item of an array whose bytes ``read`` gives, with its header; they begin at byte ``start`` of the file."""
    assert found.dtype is not None
    copies = start is None or _must_copy(found)
    offset = None if copies or start is None else start + found.start
    return Item(name, found.dtype, found.shape, lambda: _elements(found, memoryview(read())), copies, offset=offset)


def _must_copy(found: Header) -> bool:
    """Whether the elements do not lie in the file as ``Tensor.data`` has them."""
    assert found.dtype is not None
    ordered = not found.fortran or sum(dim != 1 for dim in found.shape) < 2
    return not ordered or (found.big and found.dtype.scalar.itemsize > 1)


def _elements(found: Header, data: memoryview) -> Buffer:
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
