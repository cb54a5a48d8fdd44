"""Puts a person's own build into a copy of a publish: ``--torchsharp-dll`` and ``--native``. May import resources.

The copy is a publish of its own, under a key that has the hashes of what was given. Its other files are hard links to
those of the publish, what was given is a new file: neither the publish nor NuGet's folder is written to.

Of a native half, LibTorchSharp is copied; peers load libtorch from where it lies, because a build for CUDA has
gigabytes and finds more libraries beside itself.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from . import cache, glibcxx, native
from .build import ensure_built
from .cache import Dll, Native, Publish
from .choice import Choice
from .errors import BuildError
from .integrity import RECORD, TORCHSHARP, link, sha256


class Identity(NamedTuple):
    """What .NET knows an assembly by when another one refers to it."""

    name: str
    version: tuple[int, ...]
    public_key_token: str
    """``null`` for an assembly that is not signed."""

    @classmethod
    def parse(cls, full_name: str) -> Identity:
        """Parse ``TorchSharp, Version=0.107.0.0, Culture=neutral, PublicKeyToken=67b0e5e1da516a1c``."""
        name, *parts = full_name.split(", ")
        given = dict(part.split("=", 1) for part in parts)
        return cls(name, tuple(map(int, given["Version"].split("."))), given["PublicKeyToken"])

    @property
    def short(self) -> str:
        """The version as packages have it: 0.107.0."""
        return ".".join(map(str, self.version[:3]))

    def serves(self, wanted: Identity) -> bool:
        """Whether .NET takes this assembly where another was compiled against ``wanted``."""
        return (self.name, self.public_key_token) == (wanted.name, wanted.public_key_token) and (
            self.version >= wanted.version
        )

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))} with the public key token {self.public_key_token}"


def with_dll(publish: Publish, dll: Path, *, progress: Callable[[str], None]) -> Publish:
    """A copy of the publish that has this file as its TorchSharp.dll.

    ``progress`` gets a sentence that names the file with its hash. Raises BuildError if the file cannot be read, or is
    no TorchSharp that the publish's other assemblies can use.
    """
    try:
        data = dll.read_bytes()
    except OSError as error:
        raise BuildError(f"--torchsharp-dll {dll}: {error.strerror}: give the path of a {TORCHSHARP}") from error
    digest = hashlib.sha256(data).hexdigest()

    def make(partial: Path) -> tuple[Path, dict[str, Any]]:
        folder = _copy_without(publish, {TORCHSHARP}, partial)
        (folder / TORCHSHARP).write_bytes(data)
        _refuse_another_assembly(publish, folder / TORCHSHARP, dll)
        return folder, _record(publish)

    key = hashlib.sha256(f"{publish.key} {digest}".encode()).hexdigest()[:16]
    made = cache.ensure(key, make, progress)
    progress(f"{TORCHSHARP} is {dll.name} (--torchsharp-dll), sha256:{digest}")
    return replace(made, torchsharp_dll=Dll(dll.name, digest))


def with_native(publish: Publish, given: Path, *, progress: Callable[[str], None]) -> Publish:
    """A copy of the publish over the LibTorchSharp and the libtorch of the folder ``given``.

    ``progress`` gets a sentence with the versions. Raises BuildError if a library is missing there, or libtorch does
    not have the version that LibTorchSharp was compiled for.
    """
    option = f"--native {given}"
    folder = given.resolve()
    library, torch_cpu = (folder / name for name in (native.names().libtorchsharp, native.names().torch_cpu))
    for needed in (library, torch_cpu):
        if not needed.is_file():
            raise BuildError(
                f"{option}: found no {needed.name}; expected {library.name} and its libtorch in one folder"
            )
    hashes = {name: sha256(folder / name) for name in native.names().libtorch if (folder / name).exists()}
    files = Native(
        str(folder),
        sha256(library),
        hashes[torch_cpu.name],
        native.compiled_for(library),
        [f"{name} {digest}" for name, digest in hashes.items()],
    )

    def make(partial: Path) -> tuple[Path, dict[str, Any]]:
        libtorch = _libtorch_version(folder, option)
        if files.compiled_for not in (None, libtorch):
            raise BuildError(
                f"{option}: {library.name} was compiled for libtorch {files.compiled_for}, but {torch_cpu.name} is of "
                f"{libtorch}: put the libtorch {files.compiled_for} there"
            )
        made = _copy_without(publish, _packages_natives(publish.folder), partial)
        (made / library.name).write_bytes(library.read_bytes())
        patched = glibcxx.make_loadable(made)
        return made, {**_record(publish), "libtorch": libtorch, "patched": patched, "native": files}

    key = hashlib.sha256(json.dumps([publish.key, files]).encode()).hexdigest()[:16]
    made = cache.ensure(key, make, progress)
    compiled = f"compiled for {files.compiled_for}" if files.compiled_for else "which does not name its version"
    progress(
        f"the native half is {library.name} of {folder} (--native), sha256:{files.libtorchsharp}, {compiled}, with "
        f"libtorch {made.libtorch}"
    )
    return made


def chosen(choice: Choice, *, progress: Callable[[str], None]) -> Publish:
    """The publish that a person's options choose, built now if it is not there, and verified.

    Raises BuildError where nothing can be built, what is given cannot be used or what was built has changed.
    """
    if choice.dll and not choice.dll.exists():  # before minutes of building
        raise BuildError(f"--torchsharp-dll {choice.dll}: No such file: give the path of a {TORCHSHARP}")
    publish = ensure_built(choice.versions, progress=progress)
    if choice.native:
        publish = with_native(publish, choice.native, progress=progress)
    if choice.dll:
        publish = with_dll(publish, choice.dll, progress=progress)
    publish.verify()
    return publish


def _copy_without(publish: Publish, left_out: Set[str], partial: Path) -> Path:
    """A new folder below ``partial`` with links to the files of the publish."""
    folder = partial / "publish"
    folder.mkdir()
    for file in publish.folder.iterdir():
        if file.name not in {RECORD, *left_out}:
            link(file, folder / file.name)
    return folder


def _record(publish: Publish) -> dict[str, Any]:
    """What the record of a copy states, as that of the publish does."""
    names = ("torchsharp", "libtorch", "pybridge", "rid", "patched", "native", "own_packages")
    return {"sources": "", **{name: getattr(publish, name) for name in names}}


def _packages_natives(folder: Path) -> set[str]:
    """The names of the native files that TorchSharp's and libtorch's packages have put into a publish."""
    document: dict[str, Any] = json.loads((folder / "Peer.deps.json").read_text(encoding="utf-8"))
    return {
        Path(asset).name
        for target in document["targets"].values()
        for name, library in target.items()
        if name.startswith(("TorchSharp/", "libtorch-"))
        for asset in library.get("native", {})
    }


def _libtorch_version(folder: Path, option: str) -> str:
    """The version of the libtorch in a folder. Raises BuildError if it does not load or states none."""
    command = [sys.executable, "-X", "utf8", "-m", "tscompat.dotnet_side.inside.libtorch_version", str(folder)]
    asked = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        raise BuildError(f"{option}: libtorch cannot be used: {why}")
    return asked.stdout.strip()


def _refuse_another_assembly(publish: Publish, file: Path, dll: Path) -> None:
    """Raises BuildError unless ``file``, a copy of ``dll``, is a TorchSharp that the publish can use."""
    (wanted, error), (found, why) = (_identity(publish, each) for each in (publish.folder / TORCHSHARP, file))
    if wanted is None:
        raise BuildError(f"the identity of {publish.folder / TORCHSHARP} cannot be read: {error}")
    if found is None:
        raise BuildError(f"--torchsharp-dll {dll}: found no .NET assembly ({why}); expected {wanted}")
    if not found.serves(wanted):
        raise BuildError(
            f"--torchsharp-dll {dll}: found {found}; expected {wanted}, or later: compile TorchSharp's own project"
        )


def references(publish: Publish, assembly: Path) -> list[Identity]:
    """What an assembly was compiled against. Nothing of it is run. Raises BuildError for a file that is none."""
    command = [sys.executable, "-X", "utf8", "-m", "tscompat.dotnet_side.inside.references"]
    asked = subprocess.run(
        [*command, str(publish.folder), str(assembly)], capture_output=True, encoding="utf-8", check=False
    )
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        raise BuildError(f"{assembly}: no .NET assembly ({why}): give the .dll of dotnet build")
    return [Identity.parse(line) for line in asked.stdout.splitlines()]


def _identity(publish: Publish, assembly: Path) -> tuple[Identity | None, str]:
    """The identity of an assembly, or None and why .NET cannot read one."""
    command = [sys.executable, "-X", "utf8", "-m", "tscompat.dotnet_side.inside.full_name"]
    asked = subprocess.run(
        [*command, str(publish.folder), str(assembly)], capture_output=True, encoding="utf-8", check=False
    )
    if asked.returncode:
        return None, (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
    return Identity.parse(asked.stdout.splitlines()[-1]), ""
