"""TorchSharp.PyBridge: Python's own files, read and written in .NET. Imports its neighbours.

Upstream: PyBridgeModuleExtensions.cs of shaltielshmid/TorchSharp.PyBridge. They are extension methods, which pythonnet
calls as what they are: static methods of a class. It writes neither legacy pickles nor shards: those routes go one way.
"""

from __future__ import annotations

from collections.abc import Callable

from tscompat.dotnet_side.inside.clr import DotnetModule
from tscompat.dotnet_side.inside.work import Work

from .overload import Overload, into, module


def _call(name: str) -> Callable[[Work, DotnetModule], None]:
    """The extension method of this name, of the module and the artifact."""
    return lambda work, held: getattr(work.dotnet.PyBridge, name)(held, work.description.artifact)


def load_checkpoint(work: Work, held: DotnetModule) -> None:
    """A folder, of shards with their index or of one file, strict, without the progress bar."""
    name = skip = report = None
    work.dotnet.PyBridge.load_checkpoint(held, work.description.artifact, name, True, skip, report, False)


OVERLOADS = {
    "pybridge-pickle": Overload(module, _call("save_py"), into(_call("load_py"))),
    "pybridge-legacy": Overload(module, _call("save_py"), into(_call("load_py"))),
    "pybridge-safetensors": Overload(module, _call("save_safetensors"), into(_call("load_safetensors"))),
    "pybridge-pickle-shards": Overload(module, _call("save_py"), into(load_checkpoint)),
    "pybridge-safetensors-shards": Overload(module, _call("save_safetensors"), into(load_checkpoint)),
}
