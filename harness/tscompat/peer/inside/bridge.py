"""The roads of TorchSharp.PyBridge: Python's own files, read and written in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. They are extension methods, which pythonnet
calls as what they are: static methods of a class.
"""

from __future__ import annotations

from collections.abc import Callable

from .clr import DotnetModule
from .work import Work


def save(name: str) -> Callable[[Work, DotnetModule], None]:
    """Saves the module to the artifact by the extension method of this name."""
    return lambda work, module: getattr(work.dotnet.PyBridge, name)(module, work.description.artifact)


def load(name: str) -> Callable[[Work, DotnetModule], DotnetModule]:
    """Loads the artifact into the module."""

    def call(work: Work, module: DotnetModule) -> DotnetModule:
        getattr(work.dotnet.PyBridge, name)(module, work.description.artifact)
        return module

    return call


def load_checkpoint(work: Work, module: DotnetModule) -> DotnetModule:
    """Loads a folder of shards with their index, without the progress bar."""
    anything = None
    work.dotnet.PyBridge.load_checkpoint(module, work.description.artifact, anything, True, anything, anything, False)
    return module
