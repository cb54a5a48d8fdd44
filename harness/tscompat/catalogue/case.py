"""What a case is: data about one subject, which is a bag of tensors, a model, a load, an optimizer or a guarantee.

May import values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from tscompat.values.dtypes import DType
from tscompat.values.tensors import PLAIN, Quantizer


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a case, before it has bits."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    fill: str
    """A key of ``fills.FILLS``."""
    buffer: bool
    """A buffer if true, else a parameter."""
    tied_to: str = ""
    """The name of an earlier tensor that is the same one; it has its bits."""

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return self.dtype.itemsize * math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a module's forward pass: numbers in [-2, 2), unless a field states something else."""

    shape: tuple[int, ...]
    below: int | None = None
    """Integers (int64) from 0 up to this one, without it."""
    unit: bool = False
    """Numbers between 0 and 1."""
    values: tuple[int, ...] = ()
    """These integers (int64), in one dimension."""
    digits: bool = False
    """Pictures of digits; the shape is (count, 1, 28, 28)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """A bag of tensors: a state dict of a module that has nothing else."""

    specs: tuple[TensorSpec, ...]
    layout: str = "contiguous"
    side: Literal["source", "target"] = "source"
    """Which tensors have the layout: those that are saved, or those that are loaded into."""
    target_reversed: bool = False
    """Whether the reader registers its tensors in reverse order."""
    nested: bool = False
    """Whether the dots of the names separate submodules."""
    pickled: str = "as-it-is"
    """What is pickled of a state dict: a key of ``routes.pickled.PICKLED``."""
    quantizer: Quantizer = PLAIN

    @property
    def source_layout(self) -> str:
        """The layout of the tensors that are saved."""
        return self.layout if self.side == "source" else "contiguous"

    @property
    def target_layout(self) -> str:
        """The layout of the tensors that are loaded into."""
        return self.layout if self.side == "target" else "contiguous"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A module that both sides build natively. Its tensors are those of Python's module (``native.specs_of``)."""

    kind: Literal["layer", "arch"]
    name: str
    """A class of torch.nn, or the name of an architecture (the same on both sides)."""
    dtype: DType
    """The module is converted to it."""
    description: Mapping[str, Any]
    """For a layer, what ``models.layers.build`` takes."""
    dotnet: str
    """For a layer, what dotnet/Peer/Layers.cs takes, as JSON; else the name."""
    inputs: tuple[InputSpec | tuple[InputSpec, ...], ...]
    """Empty if there is no forward pass; a pair is one input (an LSTM's states)."""
    only: Literal["python", "dotnet"] | None = None
    """The one side that has it."""
    fill: str = "weights"
    """A key of ``fills.FILLS`` for its tensors."""
    steps: int = 0
    """Training steps made in Python before its state is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A load into a module that exists, done in PyTorch and in TorchSharp."""

    specs: tuple[TensorSpec, ...]
    """What the module has."""
    file: tuple[TensorSpec, ...]
    """What the file has, in this order; a name may come twice."""
    transient: tuple[str, ...]
    """The module's buffers that are not part of its state dict."""
    nested: bool
    """Whether the dots of the names separate submodules."""
    strict: bool
    skip: tuple[str, ...]
    given_as: Literal["path", "stream", "one-way"]
    """How TorchSharp gets the file; one-way is a stream that cannot seek and reads short."""
    cut: int
    """The number of bytes that are missing at the end of the file."""
    trailing: int
    """The number of zero bytes that follow the last entry."""
    report: bool
    """Whether TorchSharp is asked which entries it has loaded."""


class Group(NamedTuple):
    """A parameter group of an optimizer."""

    options: Mapping[str, Any]
    """Under the names of torch.optim."""
    parameters: int
    """The number of the case's parameters, after those of the groups before."""


@dataclass(frozen=True, slots=True, eq=False)
class OptimizerCase:
    """An optimizer after some steps: its file, and one step more."""

    specs: tuple[TensorSpec, ...]
    """``parameter.N`` and ``gradient.STEP.N``."""
    optimizer: str
    """A class of torch.optim."""
    groups: tuple[Group, ...]
    steps: int
    """The number of steps before saving."""
    target: Literal["fresh", "used", "scoped", "restored"]
    """What is loaded into: new, or after a step of its own. Scoped: in a dispose scope that ends before the next step.
    Restored: TorchSharp then saves it, makes a step, and loads what it has saved."""
    layout: str
    """Of parameters and gradients, on both sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Guarantee:
    """A sentence of the documentation, or what PyTorch's users rely on."""

    specs: tuple[TensorSpec, ...]
    probe: str
    """What tries it (dotnet_side/inside/probes.py)."""
    observed: str
    """What is seen if it holds."""
    otherwise: str
    """The kind of verdict if something else is seen."""


Subject: TypeAlias = Tensors | Model | Load | OptimizerCase | Guarantee


@dataclass(frozen=True, slots=True)
class Case:
    """One subject in one dtype, and the routes that take it."""

    id: str
    """``family/name/dtype``: reads like a path and never changes once published."""
    why: str
    subject: Subject
    routes: tuple[str, ...]
    """The routes that take it."""
    devices: tuple[str, ...] = ("cpu",)
    """Writer's and reader's device: ``cpu``, ``cuda``, ``cuda-cpu``, ``cpu-cuda``."""
    checks: frozenset[str] = frozenset()
    """Checks that the case asks for beside those of its routes (cases/*.schema.json has their names)."""
    full_routes: tuple[str, ...] = ()
    """Those of its routes that only a full run takes."""
    run: Literal["default", "full", "large"] = "default"
    """The run that takes it. A full run takes the default's cases too. Full-only cases rarely find what a default case
    misses."""

    @property
    def dtype(self) -> str:
        """The last part of the id: a dtype's name, or ``mixed``."""
        return self.id.rsplit("/", 1)[1]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.split("/", 1)[0]
