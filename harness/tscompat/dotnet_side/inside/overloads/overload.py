"""What a overload is, and what its functions share. Imports its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tscompat.dotnet_side.inside.clr import DotnetModule, DotnetStream
from tscompat.dotnet_side.inside.work import Work


@dataclass(frozen=True)
class Overload:
    """How TorchSharp saves an object to the artifact, and loads it from there."""

    make: Callable[[Work, bool], Any]
    """The object to save, or (poisoned) to load into."""
    save: Callable[[Work, Any], Any]
    load: Callable[[Work, Any], Any]
    """Returns the object to look into: the one given, or a new one."""


def module(work: Work, poison: bool) -> DotnetModule:
    """A module with the expected_file's entries."""
    return work.module(poison=poison)


def into(load: Callable[[Work, Any], Any]) -> Callable[[Work, Any], Any]:
    """Loading into an object: what is looked into is the object."""

    def call(work: Work, held: Any) -> Any:
        load(work, held)
        return held

    return call


@contextmanager
def stream(work: Work, mode: str) -> Generator[DotnetStream]:
    """The artifact as a stream: ``Create`` or ``OpenRead``."""
    opened = getattr(work.dotnet.IO.File, mode)(work.description.artifact)
    try:
        yield opened
    finally:
        opened.Dispose()


@contextmanager
def writer(work: Work, path: str | None = None) -> Generator[Any]:
    """The artifact, or another file, as a BinaryWriter; it closes the stream under it."""
    file = work.dotnet.IO.File.Create(path or work.description.artifact)
    made = work.dotnet.IO.BinaryWriter(file)
    try:
        yield made
    finally:
        made.Dispose()


@contextmanager
def reader(work: Work, path: str | None = None) -> Generator[Any]:
    """The artifact, or another file, as a BinaryReader; it closes the stream under it."""
    file = work.dotnet.IO.File.OpenRead(path or work.description.artifact)
    made = work.dotnet.IO.BinaryReader(file)
    try:
        yield made
    finally:
        made.Dispose()
