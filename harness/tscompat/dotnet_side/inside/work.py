"""What a call works with: the bits of the expected file and the .NET objects that are made of them.

May import values, codec, dotnet_side.messages. A tensor is made from the expected file's memory: nothing passes through
the code under test.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tscompat.dotnet_side.messages import Bag, Module, NativeModule, OwnModule, Placement
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor

from .clr import Dotnet, DotnetBag, DotnetModule, DotnetTensor


class Refused(Exception):
    """The peer was asked for something that it does not know or cannot do. The message is the reason of the Refusal."""


@dataclass
class Stopwatch:
    """Measures the seconds spent inside .NET. Of nested ``running()`` contexts, only the outermost counts."""

    seconds: float = 0.0
    depth: int = 0

    @contextmanager
    def running(self) -> Generator[None]:
        start = time.perf_counter()
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            if not self.depth:
                self.seconds += time.perf_counter() - start


@dataclass
class Work:
    """One call in progress. Raises Refused for a layout that .NET does not know."""

    dotnet: Dotnet
    watch: Stopwatch
    placement: Placement
    module_kind: Module | None = None
    entries: StateDict = field(default_factory=StateDict)
    """The entries of the expected file; empty for a call without one."""
    strict: bool = True
    """Whether a load into a module is strict, which is every overload's default."""

    def __post_init__(self) -> None:
        if not self.dotnet.Layouts.Knows(self.placement.layout):
            raise Refused(f"unknown layout {self.placement.layout!r}")

    @property
    def how(self) -> tuple[bool, ...]:
        """The overload's argument ``strict``: nothing, for its default, or False."""
        return () if self.strict else (False,)

    def tensor(self, entry: Tensor, *, poison: bool) -> DotnetTensor:
        """A .NET tensor with these bits, on the device and in the layout of the placement.

        With ``poison`` it has the complement of the bits, and scale 1 and zero point 0 if quantized.
        """
        place = self.placement
        scale, zero_point = (1.0, 0) if poison else (place.scale, place.zero_point)
        dims = np.array(entry.shape, np.int64)
        made = self.dotnet.Memory.Make(
            entry.dtype.code, dims.ctypes.data, dims.size, address(entry), poison, scale, zero_point
        )
        if place.layout != "contiguous":
            made = self.dotnet.Layouts.Apply(place.layout, made)
        return made if place.device == "cpu" else made.to(place.device)

    def module(self, *, poison: bool) -> DotnetModule:
        """Build the call's module, filled with the expected file's bits, or with their complement if ``poison``.

        Raises Refused if the call has no module.
        """
        match self.module_kind:
            case Bag():
                return self.bag(self.entries, poison=poison)
            case NativeModule() | OwnModule() as native:
                return self._filled(build(self.dotnet, native), poison=poison)
            case None:
                raise Refused("this overload needs a module")

    def bag(self, entries: StateDict, *, poison: bool) -> DotnetBag:
        """A module with exactly these entries, registered as the call's Bag describes.

        Raises Refused if the call's module is not a Bag.
        """
        kind = self.module_kind
        if not isinstance(kind, Bag):
            raise Refused("this call needs a bag of tensors")
        made = self.dotnet.Bag()
        numbered = list(enumerate(entries))
        for number, (name, tensor) in reversed(numbered) if kind.reversed else numbered:
            if name in kind.tied:
                made.Tie(name, kind.tied[name], kind.nested)
            elif name in kind.transient:
                made.AddTransient(name, self.tensor(tensor, poison=poison))
            else:
                made.Add(name, self.tensor(tensor, poison=poison), number in kind.buffers, kind.nested)
        if kind.varied:
            self.dotnet.Modules.Vary(made)
        return made

    def state_dict_to_load(self) -> DotnetBag:
        """A module of its own that holds the complement of the expected file's bits, under the file's names: it takes a
        file whatever names the call's module has.
        """
        made = self.dotnet.Bag()
        for name, tensor in self.entries:
            made.Add(name, self.tensor(tensor, poison=True), True, False)
        return made

    def overwrite(self, held: Any, entries: StateDict) -> None:
        """Write these bits into the memory of a tensor, or of the module with these names.

        Raises Refused for a name that the module lacks.
        """
        if isinstance(held, self.dotnet.Tensor):
            self.dotnet.Memory.Write(held, address(entries[0].tensor), False)
            return
        slots = self.dotnet.Slots(held)
        for name, tensor in entries:
            if not slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, False):
                raise Refused(f"the module has no tensor {name!r} of this dtype and size")

    def _filled(self, module: DotnetModule, *, poison: bool) -> DotnetModule:
        slots = self.dotnet.Slots(module)
        for name, tensor in self.entries:
            slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, poison)
        device = self.placement.device
        if device == "cpu":
            return module
        with self.dotnet.errors():
            return self.dotnet.Modules.To(module, device)


def build(dotnet: Dotnet, module: NativeModule | OwnModule) -> DotnetModule:
    """The module as its constructor leaves it, of NativeModule converted to its dtype.

    Raises DotnetError for what .NET throws, and without a type for a person's assembly that cannot be used.
    """
    with dotnet.errors():
        if isinstance(module, OwnModule):
            return dotnet.Own.Build(module.assembly, module.class_name, module.arguments)
        return dotnet.Modules.Build(module.kind, module.description, BY_NAME[module.dtype].code)


def address(tensor: Tensor) -> int:
    """The address of the elements; 0 if there are none."""
    return np.frombuffer(tensor.data, np.uint8).ctypes.data if tensor.nbytes else 0
