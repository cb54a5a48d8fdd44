"""A call in progress: what it was told, and the .NET objects that it makes. May import codec, dtypes, tensors.

A call names two files: the expected file holds the case's state dict in the oracle's own bytes, the artifact is what
TorchSharp writes or reads. A tensor is made from the expected file's memory; nothing passes through the code
under test.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor

from .clr import Bag, Dotnet, DotnetModule, DotnetTensor


class Refusal(Exception):
    """The peer was asked for something that it does not know."""


@dataclass
class Stopwatch:
    """Seconds spent inside .NET. May be started while it runs."""

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


@dataclass(frozen=True)
class Description:
    """What a call is told, all of it: a part too many or too few is refused."""

    overload: str
    expected_file: str
    artifact: str
    inputs: str
    """A file with the inputs of a forward pass, or what a training is given; empty without one."""
    model: list[str] | None
    """Kind, description and dtype of a module to build natively; None for a bag of the expected_file's tensors."""
    train: bool
    """Whether a forward pass runs in train mode and gives the module's buffers."""
    scenario: dict[str, Any] | None
    """How a file is loaded into a module that is already there (catalogue.Load, without the file)."""
    probe: str
    """The name of a guarantee to try; empty without one."""
    buffers: list[int]
    """The positions of the entries that are buffers."""
    tied: dict[str, str]
    """The entries that are an earlier one under another name."""
    layout: str
    reverse: bool
    nested: bool
    device: str
    scale: float
    zero_point: int
    training: dict[str, Any] | None
    """What an optimizer is to do (trainings.OptimizerCase)."""
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
        made = self.dotnet.Memory.Make(
            entry.dtype.code, dims.ctypes.data, dims.size, address(entry), poison, scale, zero_point
        )
        if says.layout != "contiguous":
            made = self.dotnet.Layouts.Apply(says.layout, made)
        return made if says.device == "cpu" else made.to(says.device)

    def module(self, *, poison: bool) -> DotnetModule:
        """A module that holds the expected_file's entries: the one that is asked for, or a bag."""
        return self.bag(poison=poison) if self.description.model is None else self._native(poison=poison)

    def _native(self, *, poison: bool) -> DotnetModule:
        module = self.build()
        slots = self.dotnet.Slots(module)
        for name, tensor in self.entries:
            slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, poison)
        return module if self.description.device == "cpu" else self.dotnet.Modules.To(module, self.description.device)

    def build(self) -> DotnetModule:
        """The native module as its constructor leaves it. Raises Refusal when the description names none."""
        if self.description.model is None:
            raise Refusal("this call needs a model")
        kind, description, dtype = self.description.model
        with self.dotnet.errors():
            return self.dotnet.Modules.Build(kind, description, BY_NAME[dtype].code)

    def bag(self, *, poison: bool) -> Bag:
        """A module that has the expected_file's entries and nothing else."""
        return self.bag_of(self.entries, poison=poison)

    def bag_of(self, entries: StateDict, *, poison: bool) -> Bag:
        """A module that has these entries and nothing else."""
        says = self.description
        bag = self.dotnet.Bag()
        buffers = set(says.buffers)
        numbered = list(enumerate(entries))
        for number, (name, tensor) in reversed(numbered) if says.reverse else numbered:
            if name in says.tied:
                bag.Tie(name, says.tied[name], says.nested)
                continue
            made = self.tensor(tensor, poison=poison)
            if says.scenario and name in says.scenario["transient"]:
                bag.AddTransient(name, made)
            else:
                bag.Add(name, made, number in buffers, says.nested)
        return bag


def address(tensor: Tensor) -> int:
    """Where the elements lie."""
    return np.frombuffer(tensor.data, np.uint8).ctypes.data if tensor.nbytes else 0
