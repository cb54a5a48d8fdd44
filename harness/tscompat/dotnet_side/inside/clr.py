"""The only module that imports pythonnet. May import values, dotnet_side.native.

pythonnet has no types. The Protocols here give some: to the C# of ``dotnet/Peer`` and to the few members of TorchSharp
that the overloads call.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tscompat.dotnet_side.native import load_libtorch
from tscompat.values.text import escaped

DotnetTensor: TypeAlias = Any
"""``TorchSharp.torch.Tensor``."""
DotnetStream: TypeAlias = Any
"""``System.IO.Stream``."""


class DotnetModule(Protocol):
    """The members of ``TorchSharp.torch.nn.Module`` that the overloads use."""

    def save(self, target: str | DotnetStream) -> Any: ...
    def load(self, source: str | DotnetStream, *strict: bool) -> Any: ...
    def state_dict(self) -> Any: ...
    def load_state_dict(self, source: Any, *strict: bool) -> Any: ...
    def parameters(self) -> list[DotnetTensor]: ...
    def named_parameters(self) -> list[Any]: ...
    def named_buffers(self) -> list[Any]: ...
    def train(self, train: bool) -> None: ...
    def Dispose(self) -> None: ...


class DotnetBag(DotnetModule, Protocol):
    """``Bag`` of dotnet/Peer/Bag.cs."""

    def Add(self, name: str, tensor: DotnetTensor, buffer: bool, nested: bool) -> None: ...
    def AddTransient(self, name: str, tensor: DotnetTensor) -> None: ...
    def Tie(self, name: str, other: str, nested: bool) -> None: ...
    def Transient(self, name: str) -> DotnetTensor: ...


class Snapshot(Protocol):
    """``Snapshot`` of dotnet/Peer/Bag.cs: resolved tensors in plain memory."""

    Names: list[str]
    Numbers: int
    Length: int
    Quantizer: list[float] | None

    def Dispose(self) -> None: ...


class Unusable(Exception):
    """What was loaded is not what was meant, or does not fit together."""


class DotnetError(Exception):
    """An exception of .NET: its full type name and its message."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(f"{type_name}: {message}")
        self.type_name = type_name
        self.message = message
        self.changed: tuple[str, ...] = ()
        """What the call has changed before, as ``messages.Thrown`` has it."""


@dataclass(frozen=True)
class Dotnet:
    """The loaded .NET classes that calls use. Those without a docstring are of dotnet/Peer."""

    versions: dict[str, str]
    Memory: Any
    Origin: Any
    Layouts: Any
    Bag: Any
    Snapshot: Any
    Modules: Any
    Slots: Any
    Own: Any
    Parts: Any
    Unusable: Any
    """``UnusableException``, which ``Own`` and ``Parts`` throw."""
    Layers: Any
    Training: Any
    Loading: Any
    Fields: Any
    Surface: Any
    Bridging: Any
    Renamed: Any
    Buffers: Any
    StateDicts: Any
    Tensor: Any
    """``TorchSharp.torch.Tensor`` with its static ``Load`` overloads."""
    Extensions: Any
    """``TorchSharp.TensorExtensionMethods`` with ``Save`` and ``Load``."""
    PyBridge: Any
    """``TorchSharp.PyBridge.PyBridgeModuleExtensions``."""
    PyBridgeOptimizers: Any
    """``TorchSharp.PyBridge.PyBridgeOptimizerExtensions``."""
    Safetensors: Any
    """``TorchSharp.PyBridge.Safetensors``, which saves and loads state dicts."""
    IO: Any
    """``System.IO``."""
    Exception: Any
    """``System.Exception``."""
    Torch: Any
    """``TorchSharp.torch``."""
    Optimizers: Any
    """``TorchSharp.Modules``, where the optimizers' classes are."""
    Int: Any
    """``System.Int32``."""
    Long: Any
    """``System.Int64``."""
    Array: Any
    """``System.Array``: ``Array[type](list)``."""
    Programs: Any
    GC: Any
    """``System.GC``."""

    @contextmanager
    def errors(self) -> Generator[None]:
        """Raises DotnetError in the place of an exception of TorchSharp or a package beside it; without a type for what
        a person's assembly lacks (``UnusableException``).

        Any other exception of .NET is a fault of ours and passes as it is.
        """
        try:
            yield
        except self.Unusable as error:
            raise DotnetError("", escaped(str(error.Message))) from None
        except self.Exception as error:
            if self.Origin.IsOurs(error):
                raise
            raise DotnetError(escaped(str(error.GetType().FullName)), escaped(str(error.Message))) from None


def start(publish: Path) -> Any:
    """Start the .NET runtime in this process, and return pythonnet's module ``clr``."""
    pythonnet: Any = import_module("pythonnet")
    pythonnet.load("coreclr", runtime_config=str(publish / "Peer.runtimeconfig.json"))
    return import_module("clr")


def load(publish: Path) -> Dotnet:
    """Start the .NET runtime in this process and load the published Peer with its TorchSharp.

    Raises Unusable where LibTorchSharp and libtorch do not fit, or an assembly is not the publish's.
    """
    record: dict[str, Any] = json.loads((publish / "publish.json").read_text(encoding="utf-8"))
    if record.get("native"):
        try:
            load_libtorch(Path(record["native"][0]))
        except (OSError, LookupError) as error:
            raise Unusable(f"libtorch cannot be loaded from {record['native'][0]}: {error}") from error
    try:
        bridge = start(publish)
    except RuntimeError as error:
        words = "install the .NET runtime 8 or later, or set DOTNET_ROOT"
        raise Unusable(f".NET does not start: {words}. pythonnet's reason: {error}") from error
    sys.path.append(str(publish))
    bridge.AddReference("Peer")
    bridge.AddReference("TorchSharp")
    bridge.AddReference("TorchSharp.PyBridge")

    system: Any = import_module("System")
    torchsharp: Any = import_module("TorchSharp")
    ours: Any = import_module("TorchSharpCompat")
    torchsharp.torch.InitializeDeviceType(torchsharp.DeviceType.CPU)
    if not ours.Memory.Fits():
        raise Unusable(
            "LibTorchSharp misreads tensors of this libtorch, so it was compiled for another version: put the libtorch "
            "that it was compiled for beside it"
        )
    torchsharp.torch.set_num_threads(1)  # one worker for each core; and sums always add in the same order
    cuda = bool(torchsharp.torch.TryInitializeDeviceType(torchsharp.DeviceType.CUDA))
    if cuda:
        # TF32 keeps 10 bits of a float32's 23; it is on by default in cuDNN.
        torchsharp.torch.backends.cuda.matmul.allow_tf32 = False
        torchsharp.torch.backends.cudnn.allow_tf32 = False
    return Dotnet(
        versions={
            "dotnet": str(system.Environment.Version),
            "libtorch_reported": str(torchsharp.torch.__version__),
            "device": "cuda" if cuda else "cpu",
            "torchsharp": _version(bridge.GetClrType(torchsharp.torch), publish),
            "pybridge": _version(bridge.GetClrType(import_module("TorchSharp.PyBridge").Safetensors), publish),
        },
        Memory=ours.Memory,
        Origin=ours.Origin,
        Layouts=ours.Layouts,
        Bag=ours.Bag,
        Snapshot=ours.Snapshot,
        Modules=ours.Modules,
        Slots=ours.Slots,
        Own=ours.Own,
        Parts=ours.Parts,
        Unusable=ours.UnusableException,
        Layers=ours.Layers,
        Training=ours.Training,
        Loading=ours.Loading,
        Fields=ours.Fields,
        Surface=ours.Surface,
        Bridging=ours.Bridging,
        Renamed=ours.Renamed,
        Buffers=ours.Buffers,
        StateDicts=ours.StateDicts,
        Tensor=torchsharp.torch.Tensor,
        Extensions=torchsharp.TensorExtensionMethods,
        PyBridge=import_module("TorchSharp.PyBridge").PyBridgeModuleExtensions,
        PyBridgeOptimizers=import_module("TorchSharp.PyBridge").PyBridgeOptimizerExtensions,
        Safetensors=import_module("TorchSharp.PyBridge").Safetensors,
        IO=import_module("System.IO"),
        Exception=system.Exception,
        Torch=torchsharp.torch,
        Optimizers=import_module("TorchSharp.Modules"),
        Int=system.Int32,
        Long=system.Int64,
        Array=system.Array,
        Programs=ours.Programs,
        GC=system.GC,
    )


def _version(kind: Any, publish: Path) -> str:
    """The version of the loaded assembly that has this type. Raises Unusable for one that is not the publish's."""
    place = Path(str(kind.Assembly.Location))
    if not place.parent.samefile(publish):
        raise Unusable(f"found {place.name} loaded from {place.parent}; expected it from {publish}")
    version = import_module("System.Diagnostics").FileVersionInfo.GetVersionInfo(str(place)).ProductVersion
    return str(version).partition("+")[0]  # behind it comes the commit
