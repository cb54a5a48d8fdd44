"""Goes through the elements of an item in pieces, so that memory holds no more of a file. May import values, files."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tscompat.files.item import Item
from tscompat.values.dtypes import DType

PIECE = 1 << 20
"""Bytes of a piece, at most."""
_DROP = getattr(mmap, "MADV_DONTNEED", None)
"""Linux and macOS: the process drops the pages of a mapping; those of a file stay in the system's cache."""


def pieces(item: Item, elements: int = 0) -> Iterator[NDArray[np.uint8]]:
    """The bytes of the elements, in pieces of so many ``elements``, by default as many as ``PIECE`` holds.

    A piece is used before the next one is asked for. Raises ModelFileError where the elements are damaged, and OSError.
    """
    data = np.frombuffer(item.read(), np.uint8)
    mapping = _mapping(data) if data.size >= mmap.PAGESIZE and _DROP is not None else None
    begin = 0 if mapping is None else data.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    size = (elements or PIECE // item.dtype.itemsize) * item.dtype.itemsize
    for start in range(0, data.size, size):
        yield data[start : start + size]
        if mapping is not None and _DROP is not None:
            page = (begin + start) // mmap.PAGESIZE * mmap.PAGESIZE
            mapping.madvise(_DROP, page, min(begin + start + size, len(mapping)) - page)


def scalars(dtype: DType, piece: NDArray[np.uint8]) -> NDArray[Any]:
    """The scalars of a piece, as a copy where they are not aligned: numpy computes three times as fast with it."""
    aligned = piece.ctypes.data % dtype.scalar.itemsize == 0
    return (piece if aligned else piece.copy()).view(dtype.scalar)


def _mapping(data: Any) -> mmap.mmap | None:
    """The mapped file that the buffer is a view of; None if it is memory of another kind."""
    while data is not None and not isinstance(data, mmap.mmap):
        data = data.obj if isinstance(data, memoryview) else getattr(data, "base", None)
    return data
