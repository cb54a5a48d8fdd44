"""Which TorchSharp a person's options choose, and which options go together. Imports its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .build import DEFAULT, Versions
from .errors import BuildError


@dataclass(frozen=True)
class Choice:
    """One TorchSharp to test."""

    versions: Versions = DEFAULT
    dll: Path | None = None
    """What takes the place of the package's TorchSharp.dll."""
    native: Path | None = None
    """The folder that takes the place of the packages' native libraries."""


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


def normal(version: str) -> str:
    """A version as NuGet names a package: three numbers, four if the last is not 0, in lower case, without what
    follows a ``+``: 0.107 is 0.107.0, and 0.108.0-dev+sha.1 is 0.108.0-dev. Anything else stays as it is.
    """
    numbers, dash, label = version.partition("+")[0].lower().partition("-")
    parts = numbers.split(".")
    if not all(part.isdecimal() for part in parts):
        return version
    four = [*(str(int(part)) for part in parts), "0", "0", "0"][: max(4, len(parts))]
    return ".".join(four[:3] if four[3:] == ["0"] else four) + dash + label


def one_of(chosen: Sequence[Choice | None]) -> Choice | None:
    """The one choice there is. Raises BuildError where several were made."""
    if len(chosen) > 1:
        raise BuildError(f"found {len(chosen)} --torchsharp; expected one here: take the versions one by one")
    return chosen[0]
