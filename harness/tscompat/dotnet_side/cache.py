"""The cache folder that all peers share: each publish lies in a folder of its own, which has the name of its key.

The key is a hash of what the publish is made from, so nothing is changed in place. May import resources.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from .errors import BuildError
from .glibcxx import Patch

RECORD = "publish.json"
_KEPT = 2
_IN_USE_SECONDS = 3 * 3600


@dataclass(frozen=True)
class Publish:
    """A published .NET project: the folder that a peer loads, and what is in it."""

    folder: Path
    torchsharp: str
    libtorch: str
    pybridge: str
    rid: str
    patched: Patch | None
    """The change that makes TorchSharp load on this host; None if it loads unchanged."""
    key: str
    torchsharp_dll: str | None = None
    """The name of the file that lies there as TorchSharp.dll (``dotnet_side.replacement``); None if it is the
    package's."""


def cache_folder() -> Path:
    """The folder that holds the publishes."""
    return Path(platformdirs.user_cache_dir("tscompat", appauthor=False)) / "peer"


def find(key: str) -> Publish | None:
    """The publish with this key; None if there is no folder with a readable record."""
    folder = cache_folder() / key
    try:
        publish = read(folder)
        os.utime(folder / RECORD)  # _prune reads the time of the last use
    except (OSError, ValueError, TypeError):
        return None
    return publish


def ensure(key: str, make: Callable[[Path], Path], progress: Callable[[str], None]) -> Publish:
    """The publish with this key, made now if it is not there; callers in parallel make it once.

    ``make`` gets an empty folder, makes the publish with its record in a folder below it, and returns that one.
    ``progress`` gets a sentence before a wait for another process. Raises BuildError if the cache folder cannot be
    made, and what ``make`` raises.
    """
    found = find(key)
    if found:
        return found
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"the cache folder cannot be made ({error}): allow this user to make {root}") from error
    lock = filelock.FileLock(root / "build.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        progress("waiting for another process that builds the .NET project")
        lock.acquire()
    try:
        return find(key) or _add(root, key, make)
    finally:
        lock.release()


def read(folder: Path) -> Publish:
    """The publish in this folder. Raises OSError, ValueError or TypeError if its record cannot be read."""
    return Publish(folder=folder, key=folder.name, **json.loads((folder / RECORD).read_text(encoding="utf-8")))


def _add(root: Path, key: str, make: Callable[[Path], Path]) -> Publish:
    for leftover in root.glob("*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(suffix=".partial", dir=root))
    try:
        made = make(partial)
        shutil.rmtree(root / key, ignore_errors=True)  # a folder without a readable record
        made.rename(root / key)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _prune(root)
    return read(root / key)


def _prune(root: Path) -> None:
    """Remove old publishes, but neither the newest nor any used so recently that a process may still use it."""
    records = sorted(root.glob(f"*/{RECORD}"), key=lambda record: record.stat().st_mtime, reverse=True)
    for record in records[_KEPT:]:
        if time.time() - record.stat().st_mtime > _IN_USE_SECONDS:
            trash = record.parent.with_suffix(".partial")
            with contextlib.suppress(PermissionError):  # on Windows, while a process uses a library in it
                shutil.rmtree(record.parent.rename(trash))
