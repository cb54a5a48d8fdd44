"""``torch.jit`` and ``torch.export`` (JIT/ScriptModule.cs, Export/ExportedProgram.cs). Imports its neighbours."""

from __future__ import annotations

from tscompat.dotnet_side.inside.clr import DotnetModule
from tscompat.dotnet_side.inside.work import Refusal, Work, address

from .overload import Overload
from .tensors import nothing_to_load_into


def _script(work: Work, poison: bool) -> DotnetModule | None:
    """To save: the artifact's script, with the bits of the expected file. To load: nothing, it makes a new one."""
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
    raise Refusal(f"TorchSharp does not save what {work.description.overload} loads")


_EXPORT = Overload(
    nothing_to_load_into, _cannot_save, lambda work, _: work.dotnet.Programs.LoadExported(work.description.artifact)
)

OVERLOADS = {
    "torchscript": Overload(
        _script,
        lambda work, script: work.dotnet.Programs.SaveScript(script, work.description.artifact),
        lambda work, _: work.dotnet.Programs.LoadScript(work.description.artifact, work.description.device),
    ),
    "torchscript-bytes": Overload(
        _script,
        lambda work, script: work.dotnet.Programs.SaveScriptBytes(script, work.description.artifact),
        lambda work, _: work.dotnet.Programs.LoadScriptBytes(work.description.artifact, work.description.device),
    ),
    "export": _EXPORT,
    "export-aoti": _EXPORT,
}
