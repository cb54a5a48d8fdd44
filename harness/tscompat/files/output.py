"""The file that a writer writes to: checks its path and the free disk space, reports progress. May import resources."""

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

from . import sets
from .item import ModelFileError
from .source import opened

_STEP = 1 << 23
"""Bytes of one system call, and between two reports of progress."""
_PAGE = 4096
_LEFT = 1 << 20
"""Free bytes to leave on the disk."""


class Sink(io.FileIO):
    """A new file, over its descriptor, that reports progress."""

    def __init__(self, file: NewFile, target: Path, advance: Callable[[int], object]) -> None:
        """``file`` becomes ``target`` at the end. ``advance`` is called with the number of bytes just written."""
        super().__init__(file.fileno(), "wb", closefd=False)
        self._file = file
        self.target = target
        self._advance = advance

    def write(self, data: Buffer, /) -> int:
        """Write all bytes of a contiguous buffer, and return their number."""
        given = np.frombuffer(data, np.uint8)
        for start in range(0, given.size, _STEP):
            piece = given[start : start + _STEP]
            # Fetch the pages of a mapped file first: if the system call fetches them, the kernel writes small pieces.
            piece[::_PAGE].max()
            self._file.write(piece)
            self._advance(piece.size)
        return given.size


def check(path: Path, source: Path, *, force: bool) -> None:
    """Raise ModelFileError where ``source`` does not exist, or where ``path`` cannot or must not be written."""
    if not source.exists():
        raise ModelFileError(f"{source}: there is no such file or folder")
    if path.is_dir():
        raise ModelFileError(f"{path}: this is a folder: give the name of a file")
    if not path.parent.is_dir():
        raise ModelFileError(f"{path}: there is no folder {path.parent}: make it first")
    if path.exists():
        if not path.is_file():
            raise ModelFileError(f"{path}: this is no regular file, which is never replaced: give the name of a file")
        if is_input(path, source):
            raise ModelFileError(f"{path}: this is the source, or lies in the source folder: give another name")
    _still_free(path, force=force)


def is_input(path: Path, source: Path) -> bool:
    """Whether a file is read where ``source`` is: itself, or one of a folder, also behind a link. Both are there.

    Raises ModelFileError as ``opened`` does.
    """
    if path.samefile(source):
        return True
    folder = source if source.is_dir() else source.parent if sets.is_index(opened(source)) else None
    if folder is None:
        return False
    return path.resolve().is_relative_to(folder.resolve()) or any(
        each.is_file() and path.samefile(each) for each in folder.rglob("*")
    )


@contextmanager
def beside(path: Path, room: int, advance: Callable[[int], object], *, force: bool) -> Generator[Sink]:
    """Open a file to write to, which takes the place of ``path`` at the end of the block.

    Raises ModelFileError when the disk has not ``room`` bytes free and a little more, and, without ``force``, when
    ``path`` exists at the end. Raises OSError.
    """
    free, needed = shutil.disk_usage(path.resolve().parent).free, room + _LEFT
    if free < needed:
        raise ModelFileError(
            f"{path}: needs {decimal(needed)} of disk space, {decimal(free)} are free: free some space"
        )
    with whole(path) as file:
        yield Sink(file, path, advance)
        _still_free(path, force=force)


def _still_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise ModelFileError(f"{path}: exists already: give another name, or --force to replace it")
