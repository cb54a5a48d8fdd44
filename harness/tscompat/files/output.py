"""The file that a writer writes to, with room for it on the disk and signs of progress. May import resources."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.filesize import decimal
from typing_extensions import Buffer

from tscompat.resources.whole import NewFile, whole

from .item import ConvertError

_STEP = 1 << 23
"""Bytes a system call, and between two signs of progress."""
_PAGE = 4096
_LEFT = 1 << 20
"""Free bytes to leave on the disk."""


class Sink(io.FileIO):
    """Takes the bytes of a new file, over the same descriptor."""

    def __init__(self, file: NewFile, target: Path, advance: Callable[[int], object]) -> None:
        """``target``: the place that ``file`` takes at the end. ``advance``: is called with the bytes just written."""
        super().__init__(file.fileno(), "wb", closefd=False)
        self._file = file
        self.target = target
        self._advance = advance

    def write(self, data: Buffer, /) -> int:
        """Write all of it."""
        given = np.frombuffer(data, np.uint8)
        for start in range(0, given.size, _STEP):
            piece = given[start : start + _STEP]
            # Mapped pages are fetched before the system call: met in it, they make the kernel write in small pieces.
            piece[::_PAGE].max()
            self._file.write(piece)
            self._advance(piece.size)
        return given.size


def check(path: Path, source: Path, *, force: bool) -> None:
    """Raise ConvertError where a file must not or cannot be written, or there is nothing to read."""
    if not source.exists():
        raise ConvertError(f"{source}: there is no such file or folder")
    if path.is_dir():
        raise ConvertError(f"{path}: this is a folder: give the name of a file")
    if not path.parent.is_dir():
        raise ConvertError(f"{path}: there is no folder {path.parent}: make it first")
    if path.exists() and (path.samefile(source) or (source.is_dir() and path.parent.samefile(source))):
        raise ConvertError(f"{path}: this is the file that is read: give another name")
    _still_free(path, force=force)


@contextmanager
def beside(path: Path, room: int, advance: Callable[[int], object], *, force: bool) -> Generator[Sink]:
    """A file to write to, with ``room`` bytes free for it, which takes the place of ``path`` at the end.

    Raises ConvertError when the disk has no room for it, or when ``path`` is there by now and not to be replaced.
    """
    free = shutil.disk_usage(path.resolve().parent).free
    if free < room + _LEFT:
        raise ConvertError(f"{path}: takes {decimal(room)}, and {decimal(free)} are free: free some disk space")
    with whole(path) as file:
        yield Sink(file, path, advance)
        _still_free(path, force=force)


def _still_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConvertError(f"{path}: is there already: give another name, or --force to replace it")
