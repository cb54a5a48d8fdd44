"""TorchSharp.PyBridge: Python's own files, read and written in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. They are extension methods, which pythonnet
calls as what they are: static methods of a class. PyBridge writes neither legacy pickles nor shards.
"""

from __future__ import annotations

from collections.abc import Callable

from tscompat.dotnet_side.inside.clr import Dotnet, DotnetModule
from tscompat.dotnet_side.inside.work import Refused, Work

from .overload import Overload, into, module


def _call(name: str) -> Callable[[Work, DotnetModule, str], None]:
    """The extension method of this name, of the module and the file."""
    return lambda work, held, path: getattr(work.dotnet.PyBridge, name)(held, path)


def load_checkpoint(dotnet: Dotnet, held: DotnetModule, folder: str) -> None:
    """A folder, of shards with their index or of one file, strict, without the progress bar."""
    name = skip = report = None
    dotnet.PyBridge.load_checkpoint(held, folder, name, True, skip, report, False)


def _cannot_save(work: Work, held: DotnetModule, path: str) -> None:
    raise Refused("PyBridge writes no such files")


_SHARDS = Overload(module, _cannot_save, into(lambda work, held, path: load_checkpoint(work.dotnet, held, path)))
OVERLOADS = {
    "pybridge-pickle": Overload(module, _call("save_py"), into(_call("load_py"))),
    "pybridge-safetensors": Overload(module, _call("save_safetensors"), into(_call("load_safetensors"))),
    "pybridge-shards": _SHARDS,
}
