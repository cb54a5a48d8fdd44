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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import filelock
import platformdirs

from .errors import BuildError
from .glibcxx import Patch
from .integrity import RECORD, TORCHSHARP, Given, Recorded, own, verify
from .native import names

_KEPT = 2
_STORE = "files"
"""The folder of the files that several publishes share (``integrity.own``)."""
_IN_USE_SECONDS = 3 * 3600


Make: TypeAlias = Callable[[Path], tuple[Path, dict[str, Any]]]
"""Makes a publish in a folder below an empty one, and returns that folder and what the record states of it."""


class Dll(NamedTuple):
    """A file that lies in a publish as TorchSharp.dll (``dotnet_side.replacement``)."""

    name: str
    """Its name where it was found."""
    sha256: str


class Native(NamedTuple):
    """A native half that is not the packages' (``dotnet_side.replacement``)."""

    folder: str
    """The absolute path of its libtorch, which peers load from there."""
    libtorchsharp: str
    """The hash of its LibTorchSharp, as it was given."""
    libtorch: str
    """The hash of its largest library of libtorch."""
    compiled_for: str | None
    """The version of libtorch that its LibTorchSharp names; None if it names none."""
    libraries: list[str]
    """The names and hashes of all its libraries that a peer loads."""


@dataclass(frozen=True)
class Publish:
    """A published .NET project: the folder that a peer loads, and what is in it."""

    folder: Path
    torchsharp: str
    libtorch: str
    pybridge: str
    rid: str
    sources: str
    """The hash of what the project was built from; empty for a copy with a person's own build in it."""
    patched: Patch | None
    """The change that makes TorchSharp load on this host; None if it loads unchanged."""
    key: str
    files: Mapping[str, Recorded]
    """All files but the record, by name, as they were when the publish was made."""
    torchsharp_dll: Dll | None = None
    """What lies there as TorchSharp.dll; None if it is the package's."""
    native: Native | None = None
    """None if the native half is the packages'."""
    own_packages: Sequence[str] = ()
    """The packages of a build from ``--nuget-source`` that are not those of NuGet's folder, by their place in such a
    folder: ``torchsharp/0.108.0-dev``."""

    @property
    def libtorch_digest(self) -> str:
        """The hash of libtorch's largest library."""
        return self.native.libtorch if self.native else self.files[names().torch_cpu].sha256

    @property
    def libtorchsharp_digest(self) -> str:
        """The hash of LibTorchSharp as it came, before it was made loadable."""
        return self.patched["original_sha256"] if self.patched else self.files[names().libtorchsharp].sha256

    def verify(self) -> None:
        """Raises BuildError where the folder is not as it was made, or others can change it (``integrity.verify``)."""
        given: dict[str, Given] = {}
        if self.torchsharp_dll:
            given[TORCHSHARP] = Given("--torchsharp-dll", self.torchsharp_dll.sha256)
        if self.native:
            changed = self.patched and self.patched["patched_sha256"]
            given[names().libtorchsharp] = Given("--native", changed or self.native.libtorchsharp)
        verify(self.folder, self.files, given, self.patched, self.own_packages)


def cache_folder() -> Path:
    """The folder that holds the publishes."""
    return Path(platformdirs.user_cache_dir("tscompat", appauthor=False)) / "peer"


def find(key: str) -> Publish | None:
    """The publish with this key; None if there is no folder with a readable record."""
    folder = cache_folder() / key
    try:
        publish = read(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(folder / RECORD)  # _prune reads the time of the last use
    return publish


def find_built_from(sources: str) -> Publish | None:
    """A publish that was built from these sources; None if there is none."""
    found = map(find, sorted(record.parent.name for record in cache_folder().glob(f"*/{RECORD}")))
    return next((each for each in found if each and each.sources == sources), None)


def ensure(key: str, make: Make, progress: Callable[[str], None]) -> Publish:
    """The publish with this key, made now if it is not there; callers in parallel make it once.

    ``progress`` gets a sentence before a wait for another process. Raises BuildError if the cache folder cannot be
    made or written to, and what ``make`` raises.
    """
    found = find(key)
    if found:
        return found
    root = cache_folder()
    lock = filelock.FileLock(root / "build.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        progress("waiting for another process that builds the .NET project")
        lock.acquire()
    except OSError as error:
        raise BuildError(f"the cache folder cannot be used ({error}): allow this user to write to {root}") from error
    try:
        return find(key) or _add(root, key, make)
    finally:
        lock.release()


def read(folder: Path) -> Publish:
    """The publish in this folder. Raises OSError, ValueError, KeyError or TypeError if its record cannot be read."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    files = {name: Recorded(*row) for name, row in record.pop("files").items()}
    given = record.pop("native", None)
    return Publish(folder=folder, key=folder.name, files=files, native=given and Native._make(given), **record)


def _add(root: Path, key: str, make: Make) -> Publish:
    if os.name == "posix":
        root.chmod(root.stat().st_mode & ~0o022)  # what others can write to is not verified
    for leftover in root.glob("*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(suffix=".partial", dir=root))
    try:
        made, record = make(partial)
        record["files"] = own(made, root / _STORE)
        (made / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        shutil.rmtree(root / key, ignore_errors=True)  # a folder without a readable record
        made.rename(root / key)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _prune(root)
    return read(root / key)


def _prune(root: Path) -> None:
    """Remove old publishes, but neither the newest nor any used so recently that a process may still use it.

    Of the files that publishes share, those go that no publish has.
    """
    records = sorted(root.glob(f"*/{RECORD}"), key=lambda record: record.stat().st_mtime, reverse=True)
    for record in records[_KEPT:]:
        if time.time() - record.stat().st_mtime > _IN_USE_SECONDS:
            trash = record.parent.with_suffix(".partial")
            with contextlib.suppress(PermissionError):  # on Windows, while a process uses a library in it
                shutil.rmtree(record.parent.rename(trash))
    for file in (root / _STORE).iterdir():
        if file.stat().st_nlink == 1:
            file.unlink()
