"""The calls that a peer answers: ``save`` and ``load``, over a table of roads.

May import codec, bits, dtypes, tensors, peer.receipt. A call names two files: the envelope holds the case's state dict
in the oracle's own bytes, the artifact is what TorchSharp writes or reads. Reading back takes the bytes from the
tensors' memory, not through the code under test.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from tscompat.bits import compare
from tscompat.codec import read_state_dict
from tscompat.dtypes import BY_CODE
from tscompat.peer.receipt import receipt
from tscompat.tensors import Entry, StateDict, Tensor

from .clr import Bag, Dotnet, DotnetError, DotnetStream, DotnetTensor, Snapshot


class Refusal(Exception):
    """The peer was asked for something that it does not know."""


@dataclass
class Stopwatch:
    """Seconds spent inside .NET."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start


@dataclass(frozen=True)
class Description:
    """What a call is told, all of it: a part too many or too few is refused."""

    road: str
    envelope: str
    artifact: str
    buffers: list[int]
    """The positions of the entries that are buffers."""
    layout: str
    reverse: bool
    nested: bool
    device: str
    scale: float
    zero_point: int
    identity: bool
    """Whether the bits are the identity pattern, so that a mix-up can be named."""

    @classmethod
    def parse(cls, request: dict[str, Any]) -> Description:
        known = {item.name for item in fields(cls)}
        if request.keys() != known:
            odd = ", ".join(sorted(request.keys() ^ known))
            raise Refusal(f"a call takes exactly {', '.join(sorted(known))}; too many or too few: {odd}")
        return cls(**request)


@dataclass
class Work:
    """One call in progress."""

    dotnet: Dotnet
    description: Description
    entries: StateDict
    watch: Stopwatch = field(default_factory=Stopwatch)

    def tensor(self, entry: Tensor, *, poison: bool) -> DotnetTensor:
        """A .NET tensor with these bits in the layout that is asked for; as poison, with none of what is due."""
        says = self.description
        scale, zero_point = (1.0, 0) if poison else (says.scale, says.zero_point)
        dims = np.array(entry.shape, np.int64)
        data = np.frombuffer(entry.data, np.uint8) if entry.nbytes else np.empty(0, np.uint8)
        made = self.dotnet.Memory.Make(
            entry.dtype.code, dims.ctypes.data, dims.size, data.ctypes.data, poison, scale, zero_point
        )
        if says.layout != "contiguous":
            made = self.dotnet.Layouts.Apply(says.layout, made)
        return made if says.device == "cpu" else made.to(says.device)

    def bag(self, *, poison: bool) -> Bag:
        """A module that holds the envelope's entries."""
        says = self.description
        bag: Bag = self.dotnet.Bag()
        buffers = set(says.buffers)
        numbered = list(enumerate(self.entries))
        for number, (name, tensor) in reversed(numbered) if says.reverse else numbered:
            bag.Add(name, self.tensor(tensor, poison=poison), number in buffers, says.nested)
        return bag


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


def _save_bag_to_stream(work: Work, bag: Bag) -> None:
    stream = _stream(work, "Create")
    try:
        bag.save(stream)
    finally:
        stream.Dispose()


def _load_bag_from_stream(work: Work, bag: Bag) -> Bag:
    stream = _stream(work, "OpenRead")
    try:
        bag.load(stream)
    finally:
        stream.Dispose()
    return bag


def _load_bag(work: Work, bag: Bag) -> Bag:
    bag.load(work.description.artifact)
    return bag


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


def _module(work: Work, poison: bool) -> Bag:
    return work.bag(poison=poison)


def _single(work: Work, poison: bool) -> DotnetTensor:
    return work.tensor(work.entries[0].tensor, poison=poison)


def _nothing_to_load_into(work: Work, poison: bool) -> DotnetTensor | None:
    return None if poison else _single(work, poison)


ROADS: dict[str, Road] = {
    "dat": Road(_module, lambda work, bag: bag.save(work.description.artifact), _load_bag),
    "dat-stream": Road(_module, _save_bag_to_stream, _load_bag_from_stream),
    "tensor": Road(
        _nothing_to_load_into,
        lambda work, tensor: work.dotnet.Extensions.Save(tensor, work.description.artifact),
        lambda work, tensor: work.dotnet.Tensor.Load(work.description.artifact),
    ),
    "tensor-stream": Road(_nothing_to_load_into, _save_tensor_to_stream, _load_tensor_from_stream),
    "tensor-writer": Road(_single, _save_tensor_with_writer, _load_tensor_with_reader),
}
"""The overloads of ``Module.save/load`` and ``Tensor.Save/Load`` (NN/Module.cs, Tensor/TensorExtensionMethods.cs)."""


def save(work: Work, road: Road) -> dict[str, Any]:
    """.NET makes the state dict and saves it to the artifact."""
    with work.watch.running():
        held = road.make(work, False)
        try:
            road.save(work, held)
        finally:
            held.Dispose()
    return {"saved": True}


def load(work: Work, road: Road) -> dict[str, Any]:
    """.NET loads the artifact; its memory is compared with the envelope here, without a copy."""
    with work.watch.running():
        held = road.load(work, road.make(work, True))
        snapshot: Snapshot = work.dotnet.Snapshot.Of(held)
    try:
        found = _entries(snapshot)
        if len(found) == len(work.entries) == 1 and not snapshot.Names[0]:
            found = [Entry(work.entries[0].name, found[0].tensor)]
        places = {entry.name: place for place, entry in enumerate(work.entries)}
        found.sort(key=lambda entry: places.get(entry.name, len(places)))
        differences = compare(work.entries, found, identity=work.description.identity)
        quantizer = None if snapshot.Quantizer is None else list(snapshot.Quantizer)
        return {"differences": differences, "receipt": receipt(found), "quantizer": quantizer}
    finally:
        with work.watch.running():
            snapshot.Dispose()
            held.Dispose()


def _entries(snapshot: Snapshot) -> StateDict:
    """The snapshot's tensors as views of .NET's memory."""
    numbers = list((ctypes.c_int64 * snapshot.Length).from_address(snapshot.Numbers)) if snapshot.Length else []
    entries: StateDict = []
    at = 0
    for name in snapshot.Names:
        code, address, rank = numbers[at : at + 3]
        shape = tuple(numbers[at + 3 : at + 3 + rank])
        at += 3 + rank
        tensor = Tensor(BY_CODE[code], shape, b"")
        if tensor.nbytes:
            tensor = tensor._replace(data=(ctypes.c_ubyte * tensor.nbytes).from_address(address))
        entries.append(Entry(name, tensor))
    return entries


def _call(action: Callable[[Work, Road], dict[str, Any]]) -> Callable[[Dotnet, dict[str, Any]], dict[str, Any]]:
    def answer(dotnet: Dotnet, request: dict[str, Any]) -> dict[str, Any]:
        says = Description.parse(request)
        if says.road not in ROADS:
            raise Refusal(f"unknown road {says.road!r}; this peer knows {', '.join(ROADS)}")
        if not dotnet.Layouts.Knows(says.layout):
            raise Refusal(f"unknown layout {says.layout!r}")
        work = Work(dotnet, says, read_state_dict(says.envelope))
        try:
            with dotnet.errors():
                reply = action(work, ROADS[says.road])
        except DotnetError as error:
            reply = {"error": [error.type_name, error.message]}
        return {"road": says.road, "seconds": work.watch.seconds, **reply}

    return answer


CALLS: dict[str, Callable[[Dotnet, dict[str, Any]], dict[str, Any]]] = {"save": _call(save), "load": _call(load)}
