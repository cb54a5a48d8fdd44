"""A double of .NET for what runs in the peer: modules and tensors in memory of Python, with the members that calls use.

It does what TorchSharp should do, with paths; ``Net.loads`` and the like record what was asked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tscompat.codec import encode_state_dict, read_state_dict, read_tensor
from tscompat.dotnet_side.inside import calls
from tscompat.dotnet_side.inside.clr import Dotnet
from tscompat.dotnet_side.messages import Bag, NativeModule, Placement
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_CODE, BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, flipped


class NetException(Exception):
    """``System.Exception``; ``ours`` if our own C# has thrown it."""

    def __init__(self, name: str, message: str, *, ours: bool = False) -> None:
        super().__init__(message)
        self.Message, self.ours = message, ours
        self.GetType = lambda: SimpleNamespace(FullName=name)


class UnusableNetException(NetException):
    """``UnusableException`` of the publish: what a person's assembly lacks."""


def bytes_at(address: int, size: int) -> bytearray:
    return bytearray(ctypes.string_at(address, size)) if size else bytearray()


def complement(code: int, data: bytearray) -> bytearray:
    return bytearray(each ^ (1 if BY_CODE[code].kind == "bool" else 0xFF) for each in data)


class NetTensor:
    """``TorchSharp.torch.Tensor``."""

    def __init__(self, code: int, shape: tuple[int, ...], data: bytearray, quantizer: tuple[float, int]) -> None:
        self.code, self.shape, self.data, self.quantizer = code, shape, data, quantizer
        self.layout, self.device, self.disposed = "contiguous", "cpu", 0
        self.grad: Any = None

    def to(self, device: str) -> NetTensor:
        self.device = device
        return self

    def copy_(self, other: NetTensor) -> None:
        self.data[:] = other.data

    def Dispose(self) -> None:  # noqa: N802
        self.disposed += 1

    @staticmethod
    def Load(path: str) -> NetTensor:  # noqa: N802
        return of_entry(read_tensor(path))


def of_entry(tensor: Tensor) -> NetTensor:
    return NetTensor(tensor.dtype.code, tensor.shape, bytearray(memoryview(tensor.data).cast("B")), (1.0, 0))


def entry_of(name: str, tensor: NetTensor) -> Entry:
    return Entry(name, Tensor(BY_CODE[tensor.code], tensor.shape, bytes(tensor.data)))


class NetModule:
    """A module: ``Bag`` of dotnet/Peer, or one that .NET builds."""

    def __init__(self) -> None:
        self.tensors: dict[str, NetTensor] = {}
        self.buffers: list[str] = []
        self.transient: dict[str, NetTensor] = {}
        self.tied: dict[str, tuple[str, bool]] = {}
        self.nested: set[bool] = set()
        self.trained: list[bool] = []
        self.loads: list[tuple[Any, ...]] = []
        self.disposed = 0
        self.device = "cpu"
        self.flags = {"the mode of the module": "train"}

    def Add(self, name: str, tensor: NetTensor, buffer: bool, nested: bool) -> None:  # noqa: N802
        self.tensors[name] = tensor
        self.nested.add(nested)
        if buffer:
            self.buffers.append(name)

    def AddTransient(self, name: str, tensor: NetTensor) -> None:  # noqa: N802
        self.transient[name] = tensor

    def Tie(self, name: str, other: str, nested: bool) -> None:  # noqa: N802
        self.tied[name] = (other, nested)
        self.tensors[name] = self.tensors[other]

    def Transient(self, name: str) -> NetTensor:  # noqa: N802
        return self.transient[name]

    def save(self, path: str) -> None:
        write_whole(path, encode_state_dict([entry_of(name, tensor) for name, tensor in self.tensors.items()]))

    def load(self, path: str, *strict: bool) -> None:
        self.loads.append((path, *strict))
        entries = read_state_dict(path)
        if strict != (False,) and {name for name, _ in entries} != self.tensors.keys():
            raise NetException("System.ArgumentException", "Mismatched state_dict sizes")
        for name, tensor in entries:
            if name in self.tensors:
                self.tensors[name].data[:] = memoryview(tensor.data).cast("B")

    def train(self, train: bool) -> None:
        self.trained.append(train)

    def Dispose(self) -> None:  # noqa: N802
        self.disposed += 1


def flags(module: NetModule) -> list[SimpleNamespace]:
    return [SimpleNamespace(Key=key, Value=value) for key, value in module.flags.items()]


class NetSnapshot:
    """``Snapshot`` of dotnet/Peer: the resolved tensors of a module, a tensor, or an array of tensors."""

    def __init__(self, held: NetModule | NetTensor | Sequence[NetTensor]) -> None:
        if isinstance(held, NetModule):
            named = dict(held.tensors)
        else:
            tensors = [held] if isinstance(held, NetTensor) else held
            named = dict(zip([""] if isinstance(held, NetTensor) else map(str, range(len(tensors))), tensors))  # noqa: B905
        numbers: list[int] = []
        self._kept: list[Any] = []
        for tensor in named.values():
            view = (ctypes.c_ubyte * max(1, len(tensor.data)))(*tensor.data)
            self._kept.append(view)
            numbers += [tensor.code, ctypes.addressof(view), len(tensor.shape), *tensor.shape]
        array = (ctypes.c_int64 * max(1, len(numbers)))(*numbers)
        self._kept.append(array)
        self.Names, self.Numbers, self.Length = list(named), ctypes.addressof(array), len(numbers)
        first = next(iter(named.values()), None)
        quantized = first is not None and BY_CODE[first.code].kind == "quantized"
        self.Quantizer = [first.quantizer[0], float(first.quantizer[1])] if first and quantized else None
        self.disposed = 0

    def Dispose(self) -> None:  # noqa: N802
        self.disposed += 1


@dataclass
class Net:
    """The double, and what it was asked. ``dotnet`` is what a call gets."""

    build: Callable[[], NetModule] = NetModule
    """Makes a module as its constructor leaves it."""
    compute: Callable[[NetModule, list[NetTensor]], list[NetTensor]] | None = None
    built: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    modules: list[NetModule] = field(default_factory=list[NetModule])
    snapshots: list[NetSnapshot] = field(default_factory=list[NetSnapshot])
    tensors: list[NetTensor] = field(default_factory=list[NetTensor])
    moved: list[str] = field(default_factory=list[str])
    typed: list[int] = field(default_factory=list[int])
    loads: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    collected: list[str] = field(default_factory=list[str])
    varied: list[NetModule] = field(default_factory=list[NetModule])
    open_files: set[str] = field(default_factory=set[str])
    heap: Iterator[int] = field(default_factory=lambda: repeat(0))
    """The bytes that .NET has allocated so far, each time that it is asked."""

    @property
    def dotnet(self) -> Dotnet:
        members: dict[str, Any] = {each.name: None for each in fields(Dotnet)}
        members |= {
            "Exception": NetException,
            "Unusable": UnusableNetException,
            "Origin": SimpleNamespace(IsOurs=attrgetter("ours")),
            "Memory": SimpleNamespace(Make=self._make, Write=self._write),
            "Layouts": SimpleNamespace(Knows=("contiguous", "sliced").__contains__, Apply=self._lay),
            "Bag": self._module,
            "Snapshot": SimpleNamespace(Of=self._snapshot),
            "Slots": Slots,
            "Modules": SimpleNamespace(
                Build=self._build,
                BufferNames=attrgetter("buffers"),
                Flags=flags,
                Vary=self.varied.append,
                To=self._move,
                ToType=self._type,
            ),
            "Layers": SimpleNamespace(Forward=self.compute),
            "Loading": SimpleNamespace(Load=self.load, Report=list, IsOpen=self.open_files.__contains__),
            "Programs": SimpleNamespace(LoadScript=self._script, Run=self.compute),
            "Tensor": NetTensor,
            "Array": {NetTensor: list},
            "GC": SimpleNamespace(
                Collect=lambda: self.collected.append("collect"),
                WaitForPendingFinalizers=lambda: self.collected.append("wait"),
                GetTotalAllocatedBytes=self._allocated,
            ),
        }
        return Dotnet(**members)

    def _allocated(self, precise: bool) -> int:
        assert precise is False, "a precise number would wait for all threads"
        return next(self.heap)

    def _make(self, code: int, dims: int, rank: int, address: int, poison: bool, scale: float, zero: int) -> NetTensor:
        assert isinstance(poison, bool), "pythonnet makes no bool of anything else"
        shape = tuple(np.frombuffer(bytes_at(dims, 8 * rank), np.int64).tolist())
        data = bytes_at(address, BY_CODE[code].itemsize * int(np.prod(shape)))
        made = NetTensor(code, shape, complement(code, data) if poison else data, (scale, zero))
        self.tensors.append(made)
        return made

    def _write(self, held: NetTensor, address: int, poison: bool) -> None:
        assert isinstance(poison, bool), "pythonnet makes no bool of anything else"
        data = bytes_at(address, len(held.data))
        held.data[:] = complement(held.code, data) if poison else data

    def _lay(self, layout: str, tensor: NetTensor) -> NetTensor:
        tensor.layout = layout
        return tensor

    def _module(self) -> NetModule:
        self.modules.append(NetModule())
        return self.modules[-1]

    def _build(self, kind: str, description: str, code: int) -> NetModule:
        self.built.append((kind, description, code))
        self.modules.append(self.build())
        return self.modules[-1]

    def _move(self, module: NetModule, device: str) -> NetModule:
        self.moved.append(device)
        return module

    def _type(self, module: NetModule, code: int) -> NetModule:
        self.typed.append(code)
        return module

    def _snapshot(self, held: Any) -> NetSnapshot:
        self.snapshots.append(NetSnapshot(held))
        return self.snapshots[-1]

    def _script(self, path: str, device: str) -> NetModule:
        self.loads.append((path, device))
        return self.modules[0]

    def load(
        self, bag: NetModule, overload: str, path: str, given_as: str, strict: bool, skip: str, report: Any
    ) -> bool:
        self.loads.append((overload, path, given_as, strict, skip, report is not None))
        bag.load(path, *(() if strict else (False,)))
        return given_as != "closing"


class Slots:
    """``Slots`` of dotnet/Peer: the memory of a module's tensors."""

    def __init__(self, module: NetModule) -> None:
        self._module = module

    def Write(self, name: str, code: int, address: int, size: int, poison: bool) -> bool:  # noqa: N802
        assert isinstance(poison, bool), "pythonnet makes no bool of anything else"
        tensor = self._module.tensors.get(name)
        if tensor is None or (tensor.code, len(tensor.data)) != (code, size):
            return False
        data = bytes_at(address, size)
        tensor.data[:] = complement(code, data) if poison else data
        return True


def module_of(entries: StateDict, buffers: Sequence[str] = ()) -> NetModule:
    """A module whose tensors have these dtypes and shapes, and zeros."""
    made = NetModule()
    for name, tensor in entries:
        made.Add(name, of_entry(tensor._replace(data=bytes(tensor.nbytes))), name in buffers, False)
    return made


def written(path: Path | str, entries: StateDict) -> str:
    """Write a state dict and return the file's path."""
    write_whole(path, encode_state_dict(entries))
    return str(path)


# What the tests' calls have in common.

CPU = Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0)
BAG = Bag(buffers=(1,), tied={}, transient=(), nested=False, reversed=False, varied=False)
NATIVE = NativeModule("layer", "{}", "f16")
F32, I16, QI8 = BY_NAME["f32"], BY_NAME["i16"], BY_NAME["qi8"]
ENTRIES = [Entry("w", Tensor(F32, (2,), bytes(range(8)))), Entry("b", Tensor(I16, (1, 2), bytes(range(4))))]


def answer(net: Net, call: Any) -> Any:
    return calls.reply(net.dotnet, call).answer


def changed(place: int, entries: StateDict = ENTRIES) -> StateDict:
    """The entries with other bits in the one at this place."""
    (other,) = flipped([entries[place]], 1)
    return [*entries[:place], other, *entries[place + 1 :]]


def copy(tensor: NetTensor) -> NetTensor:
    return NetTensor(tensor.code, tensor.shape, bytearray(tensor.data), (1.0, 0))
