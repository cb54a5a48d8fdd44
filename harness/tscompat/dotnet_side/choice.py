"""Which TorchSharp a person's options choose, and which options go together. Imports its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .build import DEFAULT, Inputs, Versions
from .errors import BuildError
from .nuget_version import normal

_VERSION = re.compile(r"\d+(\.\d+){1,3}(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True)
class Choice:
    """One TorchSharp to test."""

    versions: Versions = DEFAULT
    dll: Path | None = None
    """What takes the place of the package's TorchSharp.dll."""
    native: Path | None = None
    """The folder that takes the place of the packages' native libraries."""


PINNED = Choice()
"""The TorchSharp that Peer.csproj pins."""


def choices(
    *,
    torchsharp: Sequence[str] = (),
    libtorch: Sequence[str] = (),
    nuget_source: str = "",
    torchsharp_dll: str = "",
    native: str = "",
    no_dotnet: bool = False,
) -> list[Choice | None]:
    """What the options of these names choose, in the order of ``--torchsharp``; None is a run without .NET.

    Raises BuildError for options that do not go together.
    """
    given = {
        **{"--torchsharp": torchsharp, "--libtorch": libtorch, "--nuget-source": nuget_source},
        **{"--torchsharp-dll": torchsharp_dll, "--native": native},
    }
    if no_dotnet and any(given.values()):
        others = ", ".join(option for option, value in given.items() if value)
        raise BuildError(f"--no-dotnet goes without {others}: leave one of them out")
    if native and libtorch:
        raise BuildError("--native has its own libtorch: leave out --libtorch")
    if nuget_source and not torchsharp and not libtorch:
        raise BuildError("--nuget-source goes with a version to take from there: add --torchsharp VERSION")
    if len(torchsharp) > 1 and (torchsharp_dll or native):
        raise BuildError("--torchsharp-dll and --native go with one --torchsharp: run the versions one by one")
    torchsharp, libtorch = [*map(normal, torchsharp)], [*map(normal, libtorch)]
    for option, given_versions in (("--torchsharp", torchsharp), ("--libtorch", libtorch)):
        for version in given_versions:
            if not _VERSION.fullmatch(version):
                raise BuildError(f"{option} {version}: found no version; expected one like 0.108.0 or 0.108.0-dev")
    for version in torchsharp:
        if torchsharp.count(version) > 1:
            raise BuildError(f"--torchsharp {version} is given {torchsharp.count(version)} times: give it once")
    if len(libtorch) not in (0, 1, len(torchsharp)):
        raise BuildError(
            f"found {len(libtorch)} --libtorch and {len(torchsharp)} --torchsharp: give one --libtorch for all, or one "
            "for each --torchsharp, in their order"
        )
    if no_dotnet:
        return [None]
    sharps = [*torchsharp] or [None]
    torches = [*libtorch] if len(libtorch) > 1 else [*libtorch, *[None] * (1 - len(libtorch))] * len(sharps)
    return [
        Choice(
            Versions(sharp, torch, nuget_source or None),
            Path(torchsharp_dll) if torchsharp_dll else None,
            Path(native) if native else None,
        )
        for sharp, torch in zip(sharps, torches, strict=True)
    ]


def refuse_unused_source(choice: Choice | None) -> None:
    """Raises BuildError where ``--nuget-source`` has no package of the only version that is tested, which would be
    NuGet's then.
    """
    if choice and choice.versions.nuget_source:
        inputs = Inputs.of(choice.versions)
        if inputs.feed and not inputs.used_feed:
            wanted = ", ".join(f"{name} {version}" for name, version in inputs.packages.items())
            raise BuildError(f"{inputs.feed}: found none of {wanted}: correct --torchsharp, or leave out the source")


def one_of(chosen: Sequence[Choice | None]) -> Choice | None:
    """The one choice there is. Raises BuildError where several were made."""
    if len(chosen) > 1:
        raise BuildError(f"found {len(chosen)} --torchsharp; expected one here: take the versions one by one")
    return chosen[0]
