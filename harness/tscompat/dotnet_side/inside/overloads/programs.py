"""The overloads of ``torch.jit`` and ``torch.export``. Imports its neighbours.

Upstream: JIT/ScriptModule.cs, Export/ExportedProgram.cs.
"""

from __future__ import annotations

from tscompat.dotnet_side.inside.clr import DotnetModule
from tscompat.dotnet_side.inside.work import Refused, Work, address

from .overload import Overload


def _script(work: Work, path: str, poison: bool) -> DotnetModule | None:
    """To save: the artifact's script with the bits of the expected file. To load: None; a load makes a new script."""
    if poison:
        return None
    with work.dotnet.errors():
        script = work.dotnet.Programs.LoadScript(path, work.placement.device)
        slots = work.dotnet.Slots(script)
        for name, tensor in work.entries:
            slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, False)
    return script


def _nothing(work: Work, path: str, poison: bool) -> None:
    """Make no object: loading an exported program makes a new one, and TorchSharp cannot save one."""


def _cannot_save(work: Work, held: None, path: str) -> None:
    raise Refused("TorchSharp saves no exported program")


OVERLOADS = {
    "script-path": Overload(
        _script,
        lambda work, script, path: work.dotnet.Programs.SaveScript(script, path),
        lambda work, _, path: work.dotnet.Programs.LoadScript(path, work.placement.device),
    ),
    "script-bytes": Overload(
        _script,
        lambda work, script, path: work.dotnet.Programs.SaveScriptBytes(script, path),
        lambda work, _, path: work.dotnet.Programs.LoadScriptBytes(path, work.placement.device),
    ),
    "exported-program": Overload(_nothing, _cannot_save, lambda work, _, path: work.dotnet.Programs.LoadExported(path)),
}
