"""The overloads of TorchSharp.PyBridge, which reads and writes Python's own files in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. Its methods are extension methods, which
pythonnet can only call as static methods of their class. PyBridge writes neither legacy pickles nor shards.
"""

from __future__ import annotations

from collections.abc import Callable

from tscompat.dotnet_side.inside.clr import Dotnet, DotnetModule
from tscompat.dotnet_side.inside.work import Refused, Work

from .overload import Overload, into, module


def _call(name: str) -> Callable[[Work, DotnetModule, str], None]:
    """A function that calls the extension method of this name with the module and the file's path."""
    return lambda work, held, path: getattr(work.dotnet.PyBridge, name)(held, path)


def load_checkpoint(dotnet: Dotnet, held: DotnetModule, folder: str) -> None:
    """Load a folder (shards with their index, or one file) into the module: strictly, without the progress bar."""
    name = skip = report = None
    dotnet.PyBridge.load_checkpoint(held, folder, name, True, skip, report, False)


def _ours(save: str, load: str) -> Overload:
    """An overload of two functions of dotnet/Peer/Bridging.cs, which get the module and the file's path."""
    return Overload(
        module,
        lambda work, held, path: getattr(work.dotnet.Bridging, save)(held, path),
        into(lambda work, held, path: getattr(work.dotnet.Bridging, load)(held, path)),
    )


def _cannot_save(work: Work, held: DotnetModule, path: str) -> None:
    raise Refused("PyBridge cannot write shards")


_SHARDS = Overload(module, _cannot_save, into(lambda work, held, path: load_checkpoint(work.dotnet, held, path)))
OVERLOADS = {
    "pybridge-pickle": Overload(module, _call("save_py"), into(_call("load_py"))),
    "pybridge-safetensors": Overload(module, _call("save_safetensors"), into(_call("load_safetensors"))),
    "pybridge-shards": _SHARDS,
    "pybridge-pickle-stream": _ours("SavePickle", "LoadPickle"),
    "pybridge-pickler": _ours("Pickle", "Unpickle"),
    "pybridge-safetensors-stream": _ours("SaveSafetensors", "LoadSafetensors"),
    "pybridge-safetensors-dict": _ours("SaveDict", "LoadDict"),
}
