"""Builds the .NET project once, outside the source tree, into the cache folder (``dotnet_side.cache``).

The key of a build is a hash of what it is built from, so changed sources get a new folder. May import resources.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tscompat.resources.folders import data_folder

from . import cache, glibcxx
from .cache import Publish
from .errors import BuildError, cause
from .feed import OPTION, Feed

OLDEST_SDK = 8
NEEDED_BYTES = 2_500_000_000
"""Free space that a first build may take: NuGet's packages (0.8 GB), our copies of their files (0.5 GB) and
intermediate files."""
NEEDED_FILES = 128
"""Files that a process may open at once. .NET fails with 64 and runs with 80; a run has more for its workers."""

_RIDS = {("Linux", "x86_64"): "linux-x64", ("Windows", "AMD64"): "win-x64", ("Darwin", "arm64"): "osx-arm64"}
_FORMAT = 3
"""The form of a publish and its record: another one takes another key."""
_PUBLISH = (
    *("publish", "Peer.csproj", "--configuration", "Release", "--nologo", "-maxCpuCount:1", "--disable-build-servers"),
    # MSBuild files in the folders around a clone (a monorepo's props) are not meant for this project.
    *("-p:ImportDirectoryBuildProps=false", "-p:ImportDirectoryBuildTargets=false"),
    "-p:ImportDirectoryPackagesProps=false",
)
_ADVICE = (
    ("No space left|not enough space on the disk", "free some disk space"),
    ("error NU1004|error NU1403", "the lock file does not fit the packages: lock again, see dotnet/Peer/Peer.csproj"),
    ("error NU", "NuGet could not restore a package: check the network, or add a folder of packages as a NuGet source"),
    ("error CS", "the C# sources do not compile: correct them"),
)
_NOT_FOUND = re.compile(r"Unable to find package ([\w.-]*\w)(?: with version \(= (\S+?)\)|\. No packages exist)")
"""The name and the version of a package that NuGet has not found. It states no version where it knows no such name."""
_CORRECT = "correct the version, or put the packages there (TorchSharp and TorchVision have one version)"


@dataclass(frozen=True)
class Versions:
    """Package versions that replace the defaults of Peer.csproj; None keeps the default."""

    torchsharp: str | None = None
    libtorch: str | None = None
    """Must be the version that the chosen TorchSharp was built against."""
    nuget_source: str | None = None
    """A folder of packages, or an address, beside the sources that NuGet is configured with."""


DEFAULT = Versions()


@dataclass(frozen=True)
class Inputs:
    """What decides what a publish holds, but for the SDK and the host."""

    rid: str
    """.NET's name for this platform."""
    packages: Mapping[str, str]
    """The versions of TorchSharp's and libtorch's packages, by their ids."""
    feed: Feed | None
    """What the source of ``Versions.nuget_source`` has of them."""

    @classmethod
    def of(cls, versions: Versions) -> Inputs:
        """Raises BuildError if libtorch has no package for this platform, or the source cannot be used."""
        rid = _rid()
        project = ElementTree.parse(_source() / "Peer.csproj")
        torchsharp = versions.torchsharp or project.findtext(".//DefaultTorchSharpVersion", "")
        libtorch = versions.libtorch or project.findtext(".//DefaultLibTorchVersion", "")
        packages = {"TorchSharp": torchsharp, "TorchVision": torchsharp, f"libtorch-cpu-{rid}": libtorch}
        return cls(rid, packages, Feed.of(versions.nuget_source, packages) if versions.nuget_source else None)

    @property
    def lock(self) -> Path:
        """The file that locks the packages of the default versions."""
        return _source() / f"packages.{self.rid}.lock.json"

    @property
    def used_feed(self) -> Feed | None:
        """The feed, if the build takes anything from there."""
        return self.feed if self.feed and self.feed.used else None

    def digest(self) -> str:
        """The hash of all of it and of the sources."""
        feed = self.used_feed and self.used_feed.key
        digest = hashlib.sha256(json.dumps([_FORMAT, _PUBLISH, self.packages, feed, self.rid]).encode())
        source = _source()
        code = sorted([*source.glob("*.cs"), *source.glob("Models/*.cs")])
        for file in [*code, source / "Peer.csproj", self.lock]:
            digest.update(
                f"\n{file.relative_to(source).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode()
            )
        return digest.hexdigest()


@dataclass(frozen=True)
class Plan:
    """What to build, and the key: a hash of everything that decides what the publish holds."""

    inputs: Inputs
    sources: str
    """The inputs' hash."""
    sdk: str
    key: str


class NoSdk(BuildError):
    """This machine has no .NET SDK that can build the project."""


def dotnet_command() -> str:
    """The path of ``dotnet``. Raises NoSdk if there is none, BuildError if it may open too few files."""
    _allow_open_files()
    found = shutil.which("dotnet")
    if found is None:
        raise NoSdk(f"there is no dotnet on PATH: install the .NET SDK {OLDEST_SDK} or later")
    return found


def sdk_version(folder: Path) -> str:
    """The version of the SDK that ``dotnet`` uses in ``folder``. Raises NoSdk if it is missing or too old."""
    asked = subprocess.run(
        [dotnet_command(), "--version"], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    version = asked.stdout.strip()
    if asked.returncode:
        # dotnet's error ends with a link. The paragraph before it has the advice, also if global.json pins a version.
        advice = " ".join(asked.stderr.strip().split("\n\n")[-2:][0].splitlines()[:2])
        raise NoSdk(
            f"dotnet finds no SDK to use (a runtime is not enough): install the .NET SDK {OLDEST_SDK} or later. "
            f"dotnet's advice: {advice}"
        )
    if int(version.split(".")[0]) < OLDEST_SDK:
        raise NoSdk(f"the .NET SDK {version} is too old: install {OLDEST_SDK} or later")
    return version


def find_built(versions: Versions = DEFAULT) -> Publish | None:
    """The publish of these sources and versions, or None if it is not built. Raises BuildError as ``plan`` does."""
    return cache.find(plan(versions).key)


def ensure_built(versions: Versions = DEFAULT, *, progress: Callable[[str], None]) -> Publish:
    """The publish of these sources and versions, built now if it is not there; callers in parallel build once.

    A machine with a runtime, but without an SDK, can use what another has built from the same sources, copied into its
    cache folder.

    ``progress`` gets a sentence before a wait for another process, and before and after a build. Raises BuildError if
    the project cannot be built.
    """
    try:
        todo = plan(versions)
    except NoSdk as error:
        runtime = shutil.which("dotnet") or os.environ.get("DOTNET_ROOT")
        copied = cache.find_built_from(Inputs.of(versions).digest()) if runtime else None
        if copied:
            progress(f"{error}. Used instead: {copied.folder}, which was built from the same sources")
            return copied
        raise
    if todo.inputs.feed and not todo.inputs.used_feed:
        wanted = todo.inputs.packages["TorchSharp"]
        progress(f"TorchSharp {wanted} comes from NuGet's own sources: it is not in {todo.inputs.feed}")
    publish = cache.ensure(todo.key, lambda partial: _build(todo, partial, progress), progress)
    if publish.own_packages and not todo.inputs.used_feed:  # or they would not be compared with NuGet's folder
        wrong = f"{publish.folder}: found packages of {OPTION}, which this build does not use"
        raise BuildError(f"{wrong}: remove the folder, and the next run builds it again")
    return publish


def plan(versions: Versions = DEFAULT) -> Plan:
    """The build's inputs and its cache key.

    Raises BuildError as ``Inputs.of``, NoSdk if dotnet finds no SDK 8 or later.
    """
    inputs = Inputs.of(versions)
    sdk = sdk_version(_source())
    sources = inputs.digest()
    key = hashlib.sha256(json.dumps([sources, sdk, glibcxx.host_versions()]).encode()).hexdigest()[:16]
    return Plan(inputs, sources, sdk, key)


def _allow_open_files() -> None:
    """Raise this process's limit of open files to what a run takes. Raises BuildError where the system allows fewer."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < NEEDED_FILES:  # below 0 there is no limit
        raise BuildError(f"a process may open {hard} files here, a run takes {NEEDED_FILES}: allow more (ulimit -Hn)")
    if 0 <= soft < NEEDED_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED_FILES, hard))


def _source() -> Path:
    return data_folder("dotnet") / "Peer"


def _rid() -> str:
    """.NET's name for this platform."""
    host = (platform.system(), platform.machine())
    rid = _RIDS.get(host)
    if rid is None:
        raise BuildError(f"there is no libtorch package for {' '.join(host)}: use one of {', '.join(_RIDS.values())}")
    return rid


def _build(plan: Plan, partial: Path, progress: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """Publish the project into a folder below ``partial``. Returns that folder, and what the record states of it."""
    root = partial.parent
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise BuildError(
            f"{root} has {free / 1e9:.1f} GB free, a build takes {NEEDED_BYTES / 1e9:.1f} GB: free some disk space"
        )
    progress(f"building the .NET project with SDK {plan.sdk} (the first time downloads 180 MB)")
    started = time.monotonic()
    folder = partial / "publish"
    _publish(plan.inputs, partial, folder, root / "build.log")
    feed = plan.inputs.used_feed
    record = {
        **_packages(folder, plan.inputs.rid),
        **{"rid": plan.inputs.rid, "sources": plan.sources, "patched": glibcxx.make_loadable(folder)},
        "own_packages": feed.own_packages(partial) if feed else [],
    }
    progress(f"built the .NET project in {time.monotonic() - started:.0f} s")
    return folder, record


def _packages(folder: Path, rid: str) -> dict[str, str]:
    libraries: dict[str, Any] = json.loads((folder / "Peer.deps.json").read_text(encoding="utf-8"))["libraries"]
    versions = dict(name.split("/") for name in libraries)
    return {
        "torchsharp": versions["TorchSharp"],
        "libtorch": versions[f"libtorch-cpu-{rid}"],
        "pybridge": versions["TorchSharp.PyBridge"],
    }


def _publish(inputs: Inputs, partial: Path, folder: Path, log: Path) -> None:
    torchsharp, _, libtorch = inputs.packages.values()
    feed = inputs.used_feed
    command = [
        *(dotnet_command(), *_PUBLISH, "--runtime", inputs.rid),
        *("--artifacts-path", str(partial / "artifacts"), "--output", str(folder)),
        *(f"-p:TorchSharpVersion={torchsharp}", f"-p:LibTorchVersion={libtorch}"),
        *(feed.properties(partial, inputs.lock) if feed else ()),
    ]
    scratch = partial / "tmp"  # dotnet leaves folders behind in its temporary folder
    scratch.mkdir(parents=True)
    with log.open("wb") as out:
        done = subprocess.run(
            command,
            cwd=_source(),
            env=_environment() | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        text = log.read_text(encoding="utf-8", errors="replace")
        otherwise = f"it ended with {cause(done.returncode)}, see its own message"
        advice = next((what for pattern, what in _ADVICE if re.search(pattern, text)), otherwise)
        missing = dict.fromkeys(" ".join(found).strip() for found in _NOT_FOUND.findall(text))
        if missing:
            where = f"neither in {inputs.feed} nor in its own sources" if inputs.feed else "in its sources"
            advice = f"NuGet found no {' and no '.join(missing)}, {where}: {_CORRECT}"
        tail = "\n".join(text.rstrip().splitlines()[-8:])
        raise BuildError(f"the .NET project could not be built: {advice}. The end of {log}:\n{tail}")


def _environment() -> dict[str, str]:
    return {**os.environ, "DOTNET_CLI_UI_LANGUAGE": "en", "DOTNET_NOLOGO": "1"}
