"""The roads: how TorchSharp saves an object to the artifact, and loads it from there. Imports its neighbours.

A road has the name of its route (``tscompat.routes``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clr import DotnetModule, DotnetStream, DotnetTensor
from .work import Refusal, Work, address


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


def _save_module_with_writer(work: Work, module: DotnetModule) -> None:
    writer = work.dotnet.IO.BinaryWriter(_stream(work, "Create"))
    try:
        module.save(writer)
    finally:
        writer.Dispose()


def _load_module_with_reader(work: Work, module: DotnetModule) -> DotnetModule:
    reader = work.dotnet.IO.BinaryReader(_stream(work, "OpenRead"))
    try:
        module.load(reader)
    finally:
        reader.Dispose()
    return module


def _save_state_dict(work: Work, module: DotnetModule) -> None:
    writer = work.dotnet.IO.BinaryWriter(_stream(work, "Create"))
    try:
        work.dotnet.Bag.save_state_dict(writer, module.state_dict())
    finally:
        writer.Dispose()


def _load_state_dict(work: Work, module: DotnetModule) -> DotnetModule:
    source = work.module(poison=True)
    try:
        module.load_state_dict(_load_module(work, source).state_dict())
    finally:
        source.Dispose()
    return module


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


def _new_from_reader(load: Callable[[Work, DotnetTensor, Any], DotnetTensor]) -> Callable[[Work, Any], DotnetTensor]:
    def read(work: Work, tensor: DotnetTensor) -> DotnetTensor:
        reader = work.dotnet.IO.BinaryReader(_stream(work, "OpenRead"))
        try:
            return load(work, tensor, reader)
        finally:
            reader.Dispose()

    return read


def _module(work: Work, poison: bool) -> DotnetModule:
    return work.module(poison=poison)


def _single(work: Work, poison: bool) -> DotnetTensor:
    return work.tensor(work.entries[0].tensor, poison=poison)


def _nothing_to_load_into(work: Work, poison: bool) -> DotnetTensor | None:
    return None if poison else _single(work, poison)


def _script(work: Work, poison: bool) -> DotnetModule | None:
    """To save: the script that the artifact holds, with the envelope's bits. To load: nothing, it makes a new one."""
    if poison:
        return None
    says = work.description
    with work.dotnet.errors():
        script = work.dotnet.Programs.LoadScript(says.artifact, says.device)
    slots = work.dotnet.Slots(script)
    for name, tensor in work.entries:
        slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, False)
    return script


def _cannot_save(work: Work, nothing: None) -> None:
    raise Refusal(f"TorchSharp does not save what {work.description.road} loads")


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
_NEW_TENSORS: dict[str, Callable[[Work, DotnetTensor, Any], DotnetTensor]] = {
    "tensor-reader": lambda work, tensor, reader: work.dotnet.Tensor.Load(reader),
    "tensor-new": lambda work, tensor, reader: work.dotnet.Memory.LoadNew(reader),
    "tensor-ref": lambda work, tensor, reader: work.dotnet.Memory.LoadRef(tensor, reader),
}
_ARCHIVE = Road(
    _nothing_to_load_into,
    lambda work, tensor: work.dotnet.Statics.save(tensor, work.description.artifact),
    lambda work, tensor: work.dotnet.Statics.load(work.description.artifact),
)
_EXPORT = Road(
    _nothing_to_load_into, _cannot_save, lambda work, _: work.dotnet.Programs.LoadExported(work.description.artifact)
)
ROADS.update(
    {
        "dat-writer": Road(_module, _save_module_with_writer, _load_module_with_reader),
        "dat-state-dict": Road(_module, _save_state_dict, _load_state_dict),
        **{
            name: Road(_single, _save_tensor_with_writer, _new_from_reader(load)) for name, load in _NEW_TENSORS.items()
        },
        "torch-save": _ARCHIVE,
        "torch-save-script": _ARCHIVE,
        "torchscript": Road(
            _script,
            lambda work, script: work.dotnet.Programs.SaveScript(script, work.description.artifact),
            lambda work, _: work.dotnet.Programs.LoadScript(work.description.artifact, work.description.device),
        ),
        "torchscript-bytes": Road(
            _script,
            lambda work, script: work.dotnet.Programs.SaveScriptBytes(script, work.description.artifact),
            lambda work, _: work.dotnet.Programs.LoadScriptBytes(work.description.artifact, work.description.device),
        ),
        "export": _EXPORT,
        "export-aoti": _EXPORT,
    }
)
"""More overloads, and ``torch.save/load`` of a tensor (Tensor/torch.Serialization.cs), ``torch.jit``
(JIT/ScriptModule.cs), ``torch.export`` (Export/ExportedProgram.cs)."""
