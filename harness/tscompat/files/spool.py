"""Keeps in a file what would be in memory, for a writer that wants all tensors at once. Imports nothing of ours.

The file has no name (on Windows, one that goes with it), so nothing is left of it, whatever goes wrong.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .item import Item


def spooled(items: Sequence[Item], folder: Path) -> list[Item]:
    """The same items, but those whose elements would be copied into memory give them mapped from a file in ``folder``.

    Takes as many bytes there as they have. Raises OSError.
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
    """The bytes that ``spooled`` takes."""
    return sum(item.nbytes for item in items if item.copies)
