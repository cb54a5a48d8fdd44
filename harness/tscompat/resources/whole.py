"""Writes a file so that it appears whole or not at all. Imports nothing of ours.

The new file is written beside its target and then renamed. Until then an old file keeps its contents; an error removes
the new file.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from typing_extensions import Buffer

_UNFINISHED = ".tscompat-*.tmp"
_SECONDS_UNTOUCHED = 600


class NewFile(io.FileIO):
    """An unbuffered file, opened for writing, that did not exist before."""

    def __init__(self, path: Path) -> None:
        """Raises FileExistsError if ``path`` is a file, a folder or a link."""
        super().__init__(path, "xb")
        self._folder = path.parent

    def write(self, data: Buffer, /) -> int:
        """Write all bytes of a contiguous buffer; one system call may write fewer (at most 2 GiB on Linux).

        Raises OSError, which names the folder.
        """
        rest = memoryview(np.frombuffer(data, np.uint8))
        size = len(rest)
        try:
            while len(rest):
                rest = rest[os.write(self.fileno(), rest) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._folder)) from error
        return size


@contextmanager
def whole(path: str | os.PathLike[str]) -> Generator[NewFile]:
    """Yield a new file, which replaces ``path`` when the block ends without an error.

    If ``path`` is a link, the file replaces the link's target. Raises OSError; on Windows PermissionError if the file
    to replace is open.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    beside = path.with_name(_UNFINISHED.replace("*", secrets.token_hex(8)))
    try:
        with NewFile(beside) as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes have left in a folder. A file that was written to within ten minutes may be of a
    living one. Raises OSError.
    """
    for file in folder.glob(_UNFINISHED):
        with suppress(FileNotFoundError):  # its process has just finished it
            if time.time() - file.stat().st_mtime > _SECONDS_UNTOUCHED:
                file.unlink()


def write_whole(path: str | os.PathLike[str], buffers: Iterable[Buffer]) -> None:
    """Write the buffers, one after the other, by ``whole``. Raises OSError, and what ``buffers`` raises."""
    with whole(path) as file:
        for buffer in buffers:
            file.write(buffer)
