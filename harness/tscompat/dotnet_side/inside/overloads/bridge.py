"""The overloads of TorchSharp.PyBridge, which reads and writes Python's own files in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. Its methods are extension methods, which
pythonnet can only call as static methods of their class. PyBridge writes neither legacy pickles nor shards.
"""

from __future__ import annotations

from functools import partial

from tscompat.dotnet_side.inside.clr import Dotnet, DotnetModule
from tscompat.dotnet_side.inside.work import Refused, Work

from .overload import Overload, into, module


def _save(owner: str, name: str, work: Work, held: DotnetModule, path: str) -> None:
    """Call the method of this name, of a member of ``Dotnet``, with the module and the file's path."""
    getattr(getattr(work.dotnet, owner), name)(held, path)


def _load(owner: str, name: str, work: Work, held: DotnetModule, path: str) -> None:
    """The same for a method that loads."""
    getattr(getattr(work.dotnet, owner), name)(held, path, *work.how)


def load_checkpoint(dotnet: Dotnet, held: DotnetModule, folder: str, *, strict: bool = True) -> None:
    """Load a folder (shards with their index, or one file) into the module, without the progress bar."""
    # Between them: no name of a checkpoint, no list of names to skip, and no report of what was loaded.
    dotnet.PyBridge.load_checkpoint(held, folder, None, strict, None, None, False)


def _cannot_save(work: Work, held: DotnetModule, path: str) -> None:
    raise Refused("PyBridge cannot write shards")


def _load_shards(work: Work, held: DotnetModule, path: str) -> None:
    load_checkpoint(work.dotnet, held, path, strict=work.strict)


_METHODS = {
    "pybridge-pickle": ("PyBridge", "save_py", "load_py"),
    "pybridge-safetensors": ("PyBridge", "save_safetensors", "load_safetensors"),
    "pybridge-pickle-stream": ("Bridging", "SavePickle", "LoadPickle"),
    "pybridge-pickler": ("Bridging", "Pickle", "Unpickle"),
    "pybridge-safetensors-stream": ("Bridging", "SaveSafetensors", "LoadSafetensors"),
    "pybridge-safetensors-dict": ("Bridging", "SaveDict", "LoadDict"),
}
"""By overload: who has the methods (PyBridge itself, or dotnet/Peer/Bridging.cs), and those that save and load."""
OVERLOADS = {
    **{
        name: Overload(module, partial(_save, owner, save), into(partial(_load, owner, load)))
        for name, (owner, save, load) in _METHODS.items()
    },
    "pybridge-shards": Overload(module, _cannot_save, into(_load_shards)),
}
