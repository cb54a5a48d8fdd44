"""Shows whether a file has been written, replaced or removed. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

SMALL = 1 << 16
"""Bytes. Of a larger file the time of the last write is enough: it takes longer to write than a step of that clock."""


class Stamp(NamedTuple):
    """What is compared of one file."""

    name: str
    """Its path from the folder above what was asked for."""
    inode: int
    size: int
    written: int
    """The time of the last write, in nanoseconds."""
    contents: bytes
    """Those of a small file; of a larger one nothing."""


def stamps(path: Path) -> list[Stamp]:
    """The stamp of a file, or of all in a folder; none if there is nothing. A link is not followed."""
    there = path.is_symlink() or path.exists()
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if there else []
    return [_stamp(file, file.relative_to(path.parent)) for file in files]


def _stamp(file: Path, name: Path) -> Stamp:
    found = file.lstat()
    contents = file.read_bytes() if S_ISREG(found.st_mode) and found.st_size <= SMALL else b""
    return Stamp(name.as_posix(), found.st_ino, found.st_size, found.st_mtime_ns, contents)
