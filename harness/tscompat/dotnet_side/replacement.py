"""Puts another TorchSharp.dll into a copy of a publish: ``tscompat run --torchsharp-dll``. May import resources.

The copy is a publish of its own, under a key that has the hash of the dll. Its other files are hard links to those of
the publish, its TorchSharp.dll is a new file: neither the publish nor NuGet's folder is written to.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from . import cache
from .cache import Dll, Publish
from .errors import BuildError
from .integrity import RECORD, TORCHSHARP, link


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
        folder = partial / "publish"
        folder.mkdir()
        for file in publish.folder.iterdir():
            if file.name not in (TORCHSHARP, RECORD):
                link(file, folder / file.name)
        (folder / TORCHSHARP).write_bytes(data)
        _refuse_another_assembly(publish, folder / TORCHSHARP, dll)
        record = {name: getattr(publish, name) for name in ("torchsharp", "libtorch", "pybridge", "rid", "patched")}
        return folder, record

    key = hashlib.sha256(f"{publish.key} {digest}".encode()).hexdigest()[:16]
    made = cache.ensure(key, make, progress)
    progress(f"{TORCHSHARP} is {dll.name} (--torchsharp-dll), sha256:{digest}")
    return replace(made, torchsharp_dll=Dll(dll.name, digest))


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


def _identity(publish: Publish, assembly: Path) -> tuple[Identity | None, str]:
    """The identity of an assembly, or None and why .NET cannot read one."""
    command = [sys.executable, "-X", "utf8", "-m", "tscompat.dotnet_side.inside.full_name"]
    asked = subprocess.run(
        [*command, str(publish.folder), str(assembly)], capture_output=True, encoding="utf-8", check=False
    )
    if asked.returncode:
        return None, (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
    return Identity.parse(asked.stdout.splitlines()[-1]), ""
