"""Writes a file so that it appears whole or not at all. Imports nothing of ours.

It is written beside its place and then renamed: whatever stood there stays until then, and whatever goes wrong, nothing
is left of the new file.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from typing_extensions import Buffer


class NewFile(io.FileIO):
    """A file that was not there before, without a buffer between."""

    def __init__(self, path: Path) -> None:
        """Raises FileExistsError when there is one, or a link."""
        super().__init__(path, "xb")

    def write(self, data: Buffer, /) -> int:
        """Write all bytes of a contiguous buffer; a bare file may take fewer (2 GiB is the most on Linux)."""
        rest = memoryview(np.frombuffer(data, np.uint8))
        size = len(rest)
        while len(rest):
            rest = rest[os.write(self.fileno(), rest) :]
        return size


@contextmanager
def whole(path: str | os.PathLike[str]) -> Generator[NewFile]:
    """A file to write to, which takes the place of ``path`` at the end. A link stays one, and its target is replaced.

    Raises OSError; on Windows PermissionError, when somebody has the file open that is to be replaced.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    beside = path.with_name(f".tscompat-{secrets.token_hex(8)}.tmp")
    try:
        with NewFile(beside) as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], buffers: Iterable[Buffer]) -> None:
    """Write one buffer after the other, as ``whole`` does. Raises OSError, and what ``buffers`` raises."""
    with whole(path) as file:
        for buffer in buffers:
            file.write(buffer)
