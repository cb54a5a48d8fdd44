"""Opens a model file for the readers: a regular file, mapped. May import codec."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from tscompat.codec.reader import flat, map_file

from .item import ModelFileError

MOST_ENTRIES = 500_000
"""The most tensors that a file may have: of each, more is held in memory than it takes there."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, eq=False)
class Source:
    """A file and its bytes."""

    path: Path
    data: memoryview
    """All bytes of the file, mapped and read-only: the system reads them from disk when they are used."""


def opened(path: Path) -> Source:
    """The source at ``path``, which may be a link. Raises ModelFileError for what is no regular file, and OSError."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        what = next((words for test, words in _KINDS if test(mode)), "no regular file")
        raise ModelFileError(f"{path}: this is {what}, which cannot be read as a model: give a file")
    return Source(path, flat(map_file(path)))
