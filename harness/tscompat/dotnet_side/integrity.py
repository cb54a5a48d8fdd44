"""Whether a publish is what the build step made of NuGet's packages, and only this user can change it.

May import resources. ``own`` takes a publish out of NuGet's folder and writes down its files; ``verify`` compares them
at the start of each run. What this proves: all files but the large ones have the recorded bytes, and those of packages
have the bytes that they have in NuGet's folder, if that has them, whatever the record states. A large file has the
recorded size, time and inode, so nobody has written to it by ordinary means since it was hashed. Peer.dll, which is
ours, and the packages of a ``--nuget-source`` have only the record.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .errors import BuildError
from .glibcxx import Patch

RECORD = "publish.json"
TORCHSHARP = "TorchSharp.dll"
LARGE = 8 << 20
"""Bytes. A larger file is hashed only when it is recorded, and when its size, time or inode differs."""


class Recorded(NamedTuple):
    """A file of a publish, as the build step left it."""

    sha256: str
    size: int
    mtime_ns: int
    inode: int


class Given(NamedTuple):
    """A file of a publish that is not the package's, by a person's wish."""

    option: str
    """The option that names it: ``--torchsharp-dll``."""
    sha256: str


def own(folder: Path, store: Path) -> dict[str, Recorded]:
    """Make every file of a new publish our own, and return what they are.

    A file that has other names (NuGet's folder) is replaced by one of ``store``, which has a copy of each such file
    under its hash, so that several publishes share it. None of them can be written to by accident.
    """
    store.mkdir(exist_ok=True)
    recorded: dict[str, Recorded] = {}
    for file in sorted(folder.iterdir()):
        digest = sha256(file)
        if file.stat().st_nlink > 1:
            kept = store / digest
            if not kept.exists():
                part = kept.with_suffix(".part")
                shutil.copy2(file, part)
                part.replace(kept)
            file.unlink()
            link(kept, file)
        if os.name == "posix":
            file.chmod(0o444)
        recorded[file.name] = Recorded(digest, *_stat(file))
    folder.chmod(0o755)
    return recorded


def link(file: Path, name: Path) -> None:
    """A hard link to a file of ours, or a copy where the file system has none."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def link_tree(folder: Path, name: Path) -> None:
    """A folder of hard links to all files below another, as ``link`` makes them. None of a folder that is not there."""
    for file in folder.rglob("*"):
        if file.is_file():
            linked = name / file.relative_to(folder)
            linked.parent.mkdir(parents=True, exist_ok=True)
            link(file, linked)


def verify(
    folder: Path,
    recorded: Mapping[str, Recorded],
    given: Mapping[str, Given],
    patch: Patch | None,
    own_packages: Collection[str] = (),
) -> None:
    """Raises BuildError, which names the file, where the publish in ``folder`` is not as it was recorded.

    ``given`` has the files that are not the packages', by name; ``patch`` is what else differs on purpose from NuGet's
    folder; ``own_packages`` came from elsewhere (``Publish.own_packages``).
    """
    for wrong in _wrong(folder, recorded, given, patch, own_packages):
        raise BuildError(f"{wrong}: remove {folder}, and the next run builds it again")


def sha256(file: Path) -> str:
    """The hash of a file's bytes, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _wrong(
    folder: Path,
    recorded: Mapping[str, Recorded],
    given: Mapping[str, Given],
    patch: Patch | None,
    own_packages: Collection[str],
) -> Iterator[str]:
    yield from filter(None, map(_open_to_others, (folder.parent, folder)))
    files = {file.name: file for file in folder.iterdir() if file.name != RECORD}
    for name in files.keys() ^ recorded.keys():
        yield f"{folder / name} is {'not recorded' if name in files else 'missing'}"
    packages = originals(folder, own_packages)
    for name, expected in recorded.items():
        yield from filter(None, [_open_to_others(files[name])])
        if _stat(files[name]) == expected[1:] and expected.size > LARGE:
            continue
        if sha256(files[name]) != expected.sha256:
            yield f"{files[name]} has other bytes than were built"
        if name in given:
            if expected.sha256 != given[name].sha256:
                yield f"{files[name]} is not the file that {given[name].option} names"
        elif name in packages and _differing(files[name], packages[name]) > _patched(name, patch):
            yield f"{files[name]} is not the package's, {packages[name]}"


def _patched(name: str, patch: Patch | None) -> int:
    """How many bytes of a file differ from the package's on purpose: a flag for each version."""
    return len(patch["versions"]) if patch and patch["file"] == name else 0


def _differing(file: Path, original: Path) -> int:
    """How many bytes differ; all, if the sizes do."""
    ours, theirs = (np.fromfile(each, np.uint8) for each in (file, original))
    return int(np.count_nonzero(ours != theirs)) if ours.size == theirs.size else max(ours.size, theirs.size)


def _open_to_others(path: Path) -> str | None:
    """What is wrong with the owner or the mode of a file or folder; None where the platform has neither."""
    if os.name != "posix":
        return None
    found = path.stat()
    if found.st_uid != os.getuid():
        return f"{path} belongs to the user {found.st_uid}, and this is the user {os.getuid()}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be written by other users"
    return None


def nuget_folder() -> Path:
    """The folder in which NuGet keeps the packages of all projects."""
    return Path(os.environ.get("NUGET_PACKAGES") or Path.home() / ".nuget" / "packages")


def originals(folder: Path, own_packages: Collection[str] = ()) -> dict[str, Path]:
    """The packages' files in NuGet's folder, by their names in the publish; without those that are not there, and
    those of ``own_packages``."""
    document: dict[str, Any] = json.loads((folder / "Peer.deps.json").read_text(encoding="utf-8"))
    places = {name: library.get("path", "") for name, library in document["libraries"].items()}
    assets = [
        nuget_folder() / places[name] / asset
        for target in document["targets"].values()
        for name, library in target.items()
        if places[name] and places[name] not in own_packages
        for kind in ("runtime", "native")
        for asset in library.get(kind, {})
    ]
    return {asset.name: asset for asset in assets if asset.is_file()}


def _stat(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino
