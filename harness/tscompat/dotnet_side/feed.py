"""A source of NuGet packages that a person gives: ``--nuget-source``, a folder or an address. Imports its neighbours.

NuGet keeps one copy of an id and version for all projects and never looks again, so a package that was packed anew
would be the old one. A build from a source therefore has a folder of packages of its own. Only what the source does not
have (libtorch above all) comes from NuGet's folder, as links. The hashes of a folder's packages are part of the build's
key; of a package at an address nothing is known before it is there, so its key has the address and the version.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BuildError
from .integrity import link_tree, nuget_folder, sha256
from .nuget_version import normal

OPTION = "--nuget-source"
_ADDRESS = re.compile("https?://")
_FILE = re.compile(r"(?P<id>.+?)\.(?P<version>\d+\..+)\.nupkg")
_DEPTHS = ("*.nupkg", "*/*.nupkg", "*/*/*.nupkg")
"""Where folders of packages have them: flat, in a folder for each id, or in one for each version below that."""
_TARGETING = "microsoft.netcore.app.ref"
"""What the SDK takes from NuGet beside the packages of the lock file, to compile for an older .NET than its own."""


@dataclass(frozen=True)
class Feed:
    """A source, and which of the packages that a build needs are there."""

    source: str
    """The absolute path of a folder, or an address."""
    there: tuple[str, ...]
    """The file names of all packages in the folder; none for an address."""
    taken: Mapping[str, str]
    """The hashes of the needed packages that the folder has, by their place in a folder of packages:
    ``torchsharp/0.108.0-dev``."""

    @classmethod
    def of(cls, source: str, needed: Mapping[str, str]) -> Feed:
        """Look into a source. ``needed`` has versions by the ids of packages.

        Raises BuildError for a folder that is not there or has no package.
        """
        if _ADDRESS.match(source):
            return cls(source, (), {})
        folder = Path(source).absolute()
        expected = "expected a folder with .nupkg files, or an address (https://…)"
        if folder.is_file():
            raise BuildError(f"{OPTION} {source}: found a file; {expected}: give its folder")
        if not folder.is_dir():
            raise BuildError(f"{OPTION} {source}: found no such folder; {expected}: correct the path")
        files = [file for depth in _DEPTHS for file in sorted(folder.glob(depth))]
        if not files:
            raise BuildError(f"{OPTION} {source}: found no package; {expected}: pack TorchSharp into it (dotnet pack)")
        places = {_place(name, version) for name, version in needed.items()}
        taken: dict[str, str] = {}
        for file in files:
            parsed = _FILE.match(file.name)
            place = parsed and _place(parsed["id"], parsed["version"])
            if place in places:
                _refuse_another(file, place)
            if place in places and taken.setdefault(place, sha256(file)) != sha256(file):
                raise BuildError(
                    f"{OPTION} {source}: found {file.name} twice, with other bytes: leave one of them there"
                )
        return cls(str(folder), tuple(file.name for file in files), dict(sorted(taken.items())))

    @property
    def used(self) -> bool:
        """Whether a build takes anything from here. A folder without a needed package changes nothing."""
        return not self.there or bool(self.taken)

    @property
    def key(self) -> object:
        """What of it decides the result of a build."""
        return dict(self.taken) or self.source

    def properties(self, scratch: Path, lock: Path) -> Iterator[str]:
        """MSBuild's options for a build from here, with its folders below ``scratch``. ``lock`` is the lock file of the
        default versions, which names the packages that NuGet's folder may have."""
        fallback = scratch / "fallback"
        self._fill(fallback, lock)
        for name, value in {
            "RestoreAdditionalProjectSources": self.source,
            "RestorePackagesPath": scratch / "packages",
            "RestoreAdditionalProjectFallbackFolders": fallback,
            # A package of the source may have the version that is locked, and other bytes.
            "RestorePackagesWithLockFile": "false",
            "RestoreLockedMode": "false",
            "NuGetLockFilePath": scratch / "packages.lock.json",
        }.items():
            yield f"-p:{name}={value}"

    def _fill(self, fallback: Path, lock: Path) -> None:
        """Link what NuGet's folder has of the locked packages, without those that this source has or may have."""
        document: dict[str, Any] = json.loads(lock.read_text(encoding="utf-8"))
        ids = {name.lower() for packages in document["dependencies"].values() for name in packages}
        mine = {place.partition("/")[0] for place in self.taken} if self.there else {"torchsharp", "torchvision"}
        fallback.mkdir(parents=True)
        for name in (ids | {_TARGETING}) - mine:
            link_tree(nuget_folder() / name, fallback / name)

    def own_packages(self, scratch: Path) -> list[str]:
        """The packages that the build in ``scratch`` did not take from NuGet's folder, as ``taken`` names them.

        Raises BuildError where one that the folder has came from elsewhere.
        """
        packages = scratch / "packages"
        found = {file.parent.relative_to(packages).as_posix(): file for file in packages.glob("*/*/*.nupkg")}
        for place, expected in self.taken.items():
            if place not in found or sha256(found[place]) != expected:
                raise BuildError(
                    f"{OPTION} {self.source}: NuGet took {place} from another source, which has the same version: give "
                    "the package another version"
                )
        return sorted(found)

    def __str__(self) -> str:
        """The option, and what the folder has."""
        return f"{OPTION} {self.source}" + (f" (which has {', '.join(self.there)})" if self.there else "")


def _refuse_another(file: Path, place: str) -> None:
    """Raises BuildError for a file that is no package, or one of another id and version than its name states."""
    try:
        with zipfile.ZipFile(file) as package:
            (spec,) = (name for name in package.namelist() if name.endswith(".nuspec") and "/" not in name)
            text = package.read(spec).decode("utf-8", "replace")
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise BuildError(f"{OPTION}: {file}: found no package ({error}): pack it again (dotnet pack)") from error
    found = [re.search(rf"<{tag}>\s*(.+?)\s*</{tag}>", text) for tag in ("id", "version")]
    name, version = (each[1] if each else "?" for each in found)
    if _place(name, normal(version)) != place:
        raise BuildError(
            f"{OPTION}: {file}: found {name} {version} in its .nuspec; expected what its name states: rename it, or "
            "pack that version"
        )


def _place(name: str, version: str) -> str:
    """Where a package lies in a folder of packages."""
    return f"{name}/{version}".lower()
