"""Spools elements to a file instead of memory, for a writer that needs all tensors at once. Imports its neighbours.

The file has no name (on Windows, it is deleted when it is closed), so nothing is left of it after an error.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .item import Item


def spooled(items: Sequence[Item], folder: Path) -> list[Item]:
    """The same items, but instead of copies in memory they return views of a file in ``folder``.

    The file has ``room(items)`` bytes. Raises OSError, and ModelFileError where elements are damaged.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        starts: list[int] = []
        for item in items:
            starts.append(file.tell())
            if item.copies:
                file.write(np.frombuffer(item.read(), np.uint8))
        file.flush()
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b"")
    return [_mapped(item, mapped, start) if item.copies else item for item, start in zip(items, starts, strict=True)]


def _mapped(item: Item, mapped: memoryview, start: int) -> Item:
    return item._replace(read=lambda: mapped[start : start + item.nbytes], copies=False)


def room(items: Sequence[Item]) -> int:
    """The size in bytes of the file that ``spooled`` writes."""
    return sum(item.nbytes for item in items if item.copies)
