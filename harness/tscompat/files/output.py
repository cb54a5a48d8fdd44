"""Writes a file so that it appears whole or not at all. Imports convert.item.

It is written beside its place under a name of its own and then renamed; whatever goes wrong, that file is removed.
"""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.filesize import decimal
from typing_extensions import Buffer

from .item import ConvertError

_STEP = 1 << 23
"""Bytes a system call, and between two signs of progress."""
_PAGE = 4096
_LEFT = 1 << 20
"""Free bytes to leave on the disk."""


class Sink(io.FileIO):
    """A new file that takes all it is given, and tells how many bytes it has taken."""

    def __init__(self, path: Path, advance: Callable[[int], object]) -> None:
        super().__init__(path, "xb")
        self._advance = advance

    def write(self, data: Buffer, /) -> int:
        """Write all of it, which a bare file does not guarantee."""
        whole = np.frombuffer(data, np.uint8)
        start = 0
        while start < whole.size:
            piece = whole[start : start + _STEP]
            # Mapped pages are fetched before the system call: met in it, they make the kernel write in small pieces.
            piece[::_PAGE].max()
            written = super().write(piece)
            start += written
            self._advance(written)
        return whole.size


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
    free = shutil.disk_usage(path.parent).free
    if free < room + _LEFT:
        raise ConvertError(f"{path}: takes {decimal(room)}, and {decimal(free)} are free: free some disk space")
    path = path.resolve()  # a link stays one
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with Sink(partial, advance) as sink:
            yield sink
        _still_free(path, force=force)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _still_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConvertError(f"{path}: is there already: give another name, or --force to replace it")
