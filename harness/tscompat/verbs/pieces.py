"""Goes through an item's elements in pieces, so that memory holds no more of a mapped file. May import files."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tscompat.files.item import Item

PIECE = 1 << 24
"""The largest piece, in bytes; a multiple of every element's size."""
_PAGE = mmap.PAGESIZE
_DROP = getattr(mmap, "MADV_DONTNEED", None)
"""Linux and macOS: the process drops the pages of a mapping; those of a file stay in the system's cache."""


def pieces(item: Item) -> Iterator[NDArray[np.uint8]]:
    """The bytes of the elements, in pieces of at most ``PIECE``. A piece is used before the next one is asked for.

    Raises ModelFileError where the elements are damaged, and OSError.
    """
    data = np.frombuffer(item.read(), np.uint8)
    mapping = _mapping(data) if data.size >= _PAGE and _DROP is not None else None
    for start in range(0, data.size, PIECE):
        piece = data[start : start + PIECE]
        yield piece
        if mapping is not None and _DROP is not None:
            first = piece.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
            begin = first - first % _PAGE
            mapping.madvise(_DROP, begin, min(first + piece.size, len(mapping)) - begin)


def _mapping(data: Any) -> mmap.mmap | None:
    """The mapped file that the buffer is a view of; None if it is memory of another kind."""
    while data is not None and not isinstance(data, mmap.mmap):
        data = data.obj if isinstance(data, memoryview) else getattr(data, "base", None)
    return data
