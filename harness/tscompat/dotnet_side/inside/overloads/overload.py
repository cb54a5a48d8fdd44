"""An overload: how TorchSharp saves an object to a file and loads one from it. Imports its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tscompat.dotnet_side.inside.clr import Dotnet, DotnetModule, DotnetStream
from tscompat.dotnet_side.inside.work import Work


@dataclass(frozen=True)
class Overload:
    """Makes, saves and loads an object. Each function gets the call in progress and the path of the artifact."""

    make: Callable[[Work, str, bool], Any]
    """Returns the object to save, or, if the bool (poison) is true, the object to load into."""
    save: Callable[[Work, Any, str], Any]
    load: Callable[[Work, Any, str], Any]
    """Returns the object that holds what was loaded: the one given, or a new one."""


def module(work: Work, path: str, poison: bool) -> DotnetModule:
    """The ``make`` of an overload for modules: the module that the call names."""
    return work.module(poison=poison)


def into(load: Callable[[Work, Any, str], Any]) -> Callable[[Work, Any, str], Any]:
    """The ``load`` of an overload, of a function that loads into an object: it returns that object."""

    def call(work: Work, held: Any, path: str) -> Any:
        load(work, held, path)
        return held

    return call


@contextmanager
def stream(dotnet: Dotnet, path: str, mode: str) -> Generator[DotnetStream]:
    """The file as a stream of .NET; ``mode`` is ``Create`` or ``OpenRead``."""
    opened = getattr(dotnet.IO.File, mode)(path)
    try:
        yield opened
    finally:
        opened.Dispose()


@contextmanager
def writer(dotnet: Dotnet, path: str) -> Generator[Any]:
    """The file as a BinaryWriter, which closes the stream under it."""
    made = dotnet.IO.BinaryWriter(dotnet.IO.File.Create(path))
    try:
        yield made
    finally:
        made.Dispose()


@contextmanager
def reader(dotnet: Dotnet, path: str) -> Generator[Any]:
    """The file as a BinaryReader, which closes the stream under it."""
    made = dotnet.IO.BinaryReader(dotnet.IO.File.OpenRead(path))
    try:
        yield made
    finally:
        made.Dispose()
