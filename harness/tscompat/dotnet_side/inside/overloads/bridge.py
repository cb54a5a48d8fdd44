"""The overloads of TorchSharp.PyBridge, which reads and writes Python's own files in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. Its methods are extension methods, which
pythonnet can only call as static methods of their class. PyBridge writes neither legacy pickles nor shards.
"""

from __future__ import annotations

from collections.abc import Callable

from tscompat.dotnet_side.inside.clr import Dotnet, DotnetModule
from tscompat.dotnet_side.inside.work import Refused, Work

from .overload import Overload, into, module


def _save(name: str) -> Callable[[Work, DotnetModule, str], None]:
    """A function that calls the extension method of this name with the module and the file's path."""
    return lambda work, held, path: getattr(work.dotnet.PyBridge, name)(held, path)


def _load(name: str) -> Callable[[Work, DotnetModule, str], DotnetModule]:
    """The same for a method that loads."""
    return into(lambda work, held, path: getattr(work.dotnet.PyBridge, name)(held, path, *work.how))


def load_checkpoint(dotnet: Dotnet, held: DotnetModule, folder: str, *, strict: bool = True) -> None:
    """Load a folder (shards with their index, or one file) into the module, without the progress bar."""
    name = skip = report = None
    dotnet.PyBridge.load_checkpoint(held, folder, name, strict, skip, report, False)


def _ours(save: str, load: str) -> Overload:
    """An overload of two functions of dotnet/Peer/Bridging.cs, which get the module and the file's path."""
    return Overload(
        module,
        lambda work, held, path: getattr(work.dotnet.Bridging, save)(held, path),
        into(lambda work, held, path: getattr(work.dotnet.Bridging, load)(held, path, *work.how)),
    )


def _cannot_save(work: Work, held: DotnetModule, path: str) -> None:
    raise Refused("PyBridge cannot write shards")


def _load_shards(work: Work, held: DotnetModule, path: str) -> None:
    load_checkpoint(work.dotnet, held, path, strict=work.strict)


OVERLOADS = {
    "pybridge-pickle": Overload(module, _save("save_py"), _load("load_py")),
    "pybridge-safetensors": Overload(module, _save("save_safetensors"), _load("load_safetensors")),
    "pybridge-shards": Overload(module, _cannot_save, into(_load_shards)),
    "pybridge-pickle-stream": _ours("SavePickle", "LoadPickle"),
    "pybridge-pickler": _ours("Pickle", "Unpickle"),
    "pybridge-safetensors-stream": _ours("SaveSafetensors", "LoadSafetensors"),
    "pybridge-safetensors-dict": _ours("SaveDict", "LoadDict"),
}
