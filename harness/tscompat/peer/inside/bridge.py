"""The roads of TorchSharp.PyBridge: a module to and from pickles, safetensors, sharded checkpoints. Imports neighbours.

Its methods are extension methods, which pythonnet sees as static ones. The artifact of a checkpoint is its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .clr import DotnetModule
from .roads import Road
from .work import Refusal, Work


def _module(work: Work, poison: bool) -> DotnetModule:
    return work.module(poison=poison)


def _road(load: Callable[[Any], Any], save: Callable[[Any], Any] | None = None) -> Road:
    """The road by these methods of PyBridge's."""

    def write(work: Work, module: DotnetModule) -> None:
        if save is None:
            raise Refusal(f"PyBridge has nothing that saves for {work.description.road}")
        save(work.dotnet.Bridge)(module, work.description.artifact)

    def read(work: Work, module: DotnetModule) -> DotnetModule:
        load(work.dotnet.Bridge)(module, work.description.artifact)
        return module

    return Road(_module, write, read)


_CHECKPOINT = _road(lambda bridge: bridge.load_checkpoint)

ROADS: dict[str, Road] = {
    "pybridge-pickle": _road(lambda bridge: bridge.load_py, lambda bridge: bridge.save_py),
    "pybridge-legacy": _road(lambda bridge: bridge.load_py),
    "pybridge-safetensors": _road(lambda bridge: bridge.load_safetensors, lambda bridge: bridge.save_safetensors),
    "pybridge-checkpoint-pickle": _CHECKPOINT,
    "pybridge-checkpoint-safetensors": _CHECKPOINT,
}
"""``load_*`` and ``save_*`` with a path (TorchSharp.PyBridge/PyBridgeModuleExtensions.cs)."""
