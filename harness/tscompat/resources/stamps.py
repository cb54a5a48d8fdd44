"""Shows whether a file has been written, replaced or removed. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SMALL = 1 << 16
"""Bytes. The clock of a file's times has steps of milliseconds, in which no more than this is written and read."""


class Stamp(NamedTuple):
    """What is compared of one file."""

    name: str
    inode: int
    size: int
    written: int
    """The time of the last write, in nanoseconds."""
    contents: bytes
    """Those of a small file; of a larger one nothing."""


def stamps(path: Path) -> list[Stamp]:
    """The stamp of a file, or of each file in a folder; none if there is nothing."""
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return list(map(_stamp, files))


def _stamp(file: Path) -> Stamp:
    found = file.stat()
    contents = file.read_bytes() if found.st_size <= SMALL else b""
    return Stamp(file.name, found.st_ino, found.st_size, found.st_mtime_ns, contents)
