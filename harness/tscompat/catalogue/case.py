"""What a case is. May import dtypes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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
    """One input of a module's forward pass: normal numbers, unless a field says otherwise."""

    shape: tuple[int, ...]
    below: int | None = None
    """Integers from 0 up to this, without it."""
    unit: bool = False
    """Numbers between 0 and 1."""
    values: tuple[int, ...] = ()
    """These integers, one after the other."""
    digits: bool = False
    """Pictures of digits; the shape is (count, 1, 28, 28)."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A module that both sides build natively, instead of a bag of tensors."""

    kind: Literal["layer", "arch"]
    name: str
    """A class of torch.nn, or the name of an architecture (the same on both sides)."""
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
    """OptimizerCase steps made in Python before its state is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A load into a module that is already there, played in PyTorch and in TorchSharp."""

    file: tuple[TensorSpec, ...]
    """What the file has, in this order; a name may come twice."""
    transient: tuple[str, ...]
    """The module's buffers that are not part of its state dict."""
    strict: bool
    skip: tuple[str, ...]
    overload: Literal["path", "stream", "one-way"]
    cut: int
    """So many bytes are missing at the end of the file."""
    trailing: int
    """So many zero bytes follow the last entry."""
    report: bool
    """Whether TorchSharp is asked which entries it has loaded."""


class Group(NamedTuple):
    """A parameter group of an optimizer."""

    options: Mapping[str, Any]
    """Under the names of torch.optim."""
    parameters: int
    """How many of the case's parameters, after those of the groups before."""


@dataclass(frozen=True, slots=True, eq=False)
class OptimizerCase:
    """An optimizer in the middle of its work. The case's tensors are ``parameter.N`` and ``gradient.STEP.N``."""

    optimizer: str
    """A class of torch.optim."""
    groups: tuple[Group, ...]
    steps: int
    """How many are made before saving."""
    target: Literal["fresh", "used", "scoped", "restored"]
    """What is loaded into: new, or after a step of its own. Scoped: in a dispose scope that ends before the next step.
    Restored: TorchSharp then saves it, makes a step, and goes back to what it has saved."""


class Guarantee(NamedTuple):
    """Something that a person may rely on."""

    probe: str
    """Who tries it (peer/inside/probes.py)."""
    observed: str
    """What is seen if it holds."""
    otherwise: str
    """The kind of verdict if something else is seen."""


@dataclass(frozen=True, slots=True)
class Case:
    """A state dict described as data, and what is special about carrying it."""

    id: str
    """``family/name/dtype``: reads like a path and never changes once published."""
    why: str
    tensors: tuple[TensorSpec, ...]
    """Empty for a model until ``models.resolve`` asks Python's module."""
    routes: tuple[str, ...]
    """The routes that carry it."""
    devices: tuple[str, ...]
    """Writer's and reader's device: ``cpu``, ``cuda``, ``cuda-cpu``, ``cpu-cuda``."""
    layout: str = "contiguous"
    side: Literal["source", "target"] = "source"
    """Whose tensors have the layout: those that are saved, or those that are loaded into."""
    target_reversed: bool = False
    """Whether the reader registers its tensors in reverse order."""
    nested: bool = False
    """Whether the dots of the names are submodules."""
    pickled: str = "as-it-is"
    """What is pickled of a state dict: a key of ``routes.pickled.PICKLED``."""
    quantizer: Quantizer = PLAIN
    model: Model | None = None
    """What both sides build; without one, the tensors are put into a module that has nothing else."""
    scenario: Load | None = None
    """What is loaded into the module that has ``tensors``."""
    training: OptimizerCase | None = None
    """The optimizer over the parameters among ``tensors``."""
    guarantee: Guarantee | None = None
    full_routes: tuple[str, ...] = ()
    """Those of its routes that only a full run takes."""
    run: Literal["default", "full", "large"] = "default"
    """The run that takes it. A full one takes the default's too; what only it takes is told by a neighbour in all
    likelihood."""
    tags: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """The last part of the id: a dtype's name, or ``mixed``."""
        return self.id.rsplit("/", 1)[1]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.split("/", 1)[0]

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors' elements."""
        return sum(spec.nbytes for spec in self.tensors)

    @property
    def source_layout(self) -> str:
        """The layout of the tensors that are saved."""
        return self.layout if self.side == "source" else "contiguous"

    @property
    def target_layout(self) -> str:
        """The layout of the tensors that are loaded into."""
        return self.layout if self.side == "target" else "contiguous"
