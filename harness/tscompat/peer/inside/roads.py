"""The roads: how TorchSharp saves an object to the artifact, and loads it from there. Imports its neighbours.

A road has the name of its route (``tscompat.routes``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import bridge
from .clr import DotnetModule, DotnetStream, DotnetTensor
from .work import Work


@dataclass(frozen=True)
class Road:
    """How TorchSharp saves an object to the artifact, and loads it from there."""

    make: Callable[[Work, bool], Any]
    """The object to save, or (poisoned) to load into."""
    save: Callable[[Work, Any], Any]
    load: Callable[[Work, Any], Any]
    """Returns the object to look into: the one given, or a new one."""


def _stream(work: Work, mode: str) -> DotnetStream:
    return getattr(work.dotnet.IO.File, mode)(work.description.artifact)


def _save_module_to_stream(work: Work, module: DotnetModule) -> None:
    stream = _stream(work, "Create")
    try:
        module.save(stream)
    finally:
        stream.Dispose()


def _load_module_from_stream(work: Work, module: DotnetModule) -> DotnetModule:
    stream = _stream(work, "OpenRead")
    try:
        module.load(stream)
    finally:
        stream.Dispose()
    return module


def _load_module(work: Work, module: DotnetModule) -> DotnetModule:
    module.load(work.description.artifact)
    return module


def _save_tensor_to_stream(work: Work, tensor: DotnetTensor) -> None:
    stream = _stream(work, "Create")
    try:
        work.dotnet.Extensions.Save(tensor, stream)
    finally:
        stream.Dispose()


def _load_tensor_from_stream(work: Work, tensor: None) -> DotnetTensor:
    stream = _stream(work, "OpenRead")
    try:
        return work.dotnet.Tensor.Load(stream)
    finally:
        stream.Dispose()


def _save_tensor_with_writer(work: Work, tensor: DotnetTensor) -> None:
    writer = work.dotnet.IO.BinaryWriter(_stream(work, "Create"))
    try:
        work.dotnet.Extensions.Save(tensor, writer)
    finally:
        writer.Dispose()


def _load_tensor_with_reader(work: Work, tensor: DotnetTensor) -> DotnetTensor:
    reader = work.dotnet.IO.BinaryReader(_stream(work, "OpenRead"))
    try:
        work.dotnet.Memory.LoadInto(tensor, reader)
    finally:
        reader.Dispose()
    return tensor


def _module(work: Work, poison: bool) -> DotnetModule:
    return work.module(poison=poison)


def _single(work: Work, poison: bool) -> DotnetTensor:
    return work.tensor(work.entries[0].tensor, poison=poison)


def _nothing_to_load_into(work: Work, poison: bool) -> DotnetTensor | None:
    return None if poison else _single(work, poison)


ROADS: dict[str, Road] = {
    "dat": Road(_module, lambda work, module: module.save(work.description.artifact), _load_module),
    "dat-stream": Road(_module, _save_module_to_stream, _load_module_from_stream),
    "tensor": Road(
        _nothing_to_load_into,
        lambda work, tensor: work.dotnet.Extensions.Save(tensor, work.description.artifact),
        lambda work, tensor: work.dotnet.Tensor.Load(work.description.artifact),
    ),
    "tensor-stream": Road(_nothing_to_load_into, _save_tensor_to_stream, _load_tensor_from_stream),
    "tensor-writer": Road(_single, _save_tensor_with_writer, _load_tensor_with_reader),
}
"""The overloads of ``Module.save/load`` and ``Tensor.Save/Load`` (NN/Module.cs, Tensor/TensorExtensionMethods.cs)."""
ROADS.update({"exportsd": ROADS["dat"], "exportsd-tensor": ROADS["tensor"], "importsd": ROADS["dat"]})
"""Upstream's own scripts write and read the same files."""
ROADS.update(
    {
        "pybridge-pickle": Road(_module, bridge.save("save_py"), bridge.load("load_py")),
        "pybridge-legacy": Road(_module, bridge.save("save_py"), bridge.load("load_py")),
        "pybridge-safetensors": Road(_module, bridge.save("save_safetensors"), bridge.load("load_safetensors")),
        "pybridge-pickle-shards": Road(_module, bridge.save("save_py"), bridge.load_checkpoint),
        "pybridge-safetensors-shards": Road(_module, bridge.save("save_safetensors"), bridge.load_checkpoint),
    }
)
"""TorchSharp.PyBridge. It writes neither legacy pickles nor shards: those routes go one way."""
