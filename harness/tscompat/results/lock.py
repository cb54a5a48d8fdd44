"""The lock of an output folder: one run at a time writes there. May import resources."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import filelock

from tscompat.resources.whole import remove_unfinished


class FolderInUse(RuntimeError):
    """Another run writes into the folder. The message has its process, its start, and what to do."""


def lock(folder: Path) -> filelock.BaseFileLock:
    """Hold the folder, which is made if it is not there, until the lock is released or the process ends.

    What a killed run has left unfinished there is removed.

    Raises FolderInUse where another process holds it, and OSError where the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(folder / ".lock")
    holder = folder / ".lock-holder"  # Windows lets nobody read the locked file itself
    try:
        held.acquire(blocking=False)
    except filelock.Timeout:
        other = holder.read_bytes().decode() if holder.exists() else "another run"
        raise FolderInUse(
            f"{other} writes into {folder}: wait for its end, or take another folder with --out"
        ) from None
    remove_unfinished(folder)
    holder.write_bytes(f"the run of process {os.getpid()}, started {datetime.now():%Y-%m-%d %H:%M:%S},".encode())
    return held
