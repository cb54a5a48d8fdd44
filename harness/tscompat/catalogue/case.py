"""What a case is: data about one subject, which is a bag of tensors, a model, a load, an optimizer, a guarantee or a
hostile file.

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
    """The name of an earlier tensor of the case: both names stand for that one tensor. Empty if there is none."""

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return self.dtype.itemsize * math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a module's forward pass: numbers from -2 to 2, unless a field states something else."""

    shape: tuple[int, ...]
    below: int | None = None
    """If given, int64 integers from 0 to one less than this."""
    unit: bool = False
    """Numbers from 0 to 1."""
    values: tuple[int, ...] = ()
    """If not empty, exactly these int64 integers, in one dimension."""
    digits: bool = False
    """Images of digits; the shape is (count, 1, 28, 28)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """A bag of tensors: the state dict of a module that consists only of them."""

    specs: tuple[TensorSpec, ...]
    layout: str = "contiguous"
    """A key of ``torch_tensors.LAYOUTS``."""
    side: Literal["source", "target"] = "source"
    """Which tensors have the layout: those that the writer saves, or those that the reader loads into."""
    target_reversed: bool = False
    """Whether the reader registers its tensors in reverse order."""
    nested: bool = False
    """Whether the dots of the names separate submodules."""
    pickled: str = "as-it-is"
    """In which form Python pickles a state dict: a key of ``routes.pickled.PICKLED``."""
    quantizer: Quantizer = PLAIN

    @property
    def source_layout(self) -> str:
        """The layout of the tensors that are saved."""
        return self.layout if self.side == "source" else "contiguous"

    @property
    def target_layout(self) -> str:
        """The layout of the tensors that are loaded into."""
        return self.layout if self.side == "target" else "contiguous"


@dataclass(frozen=True, slots=True)
class Training:
    """How both sides train a model, with a batch of its own for each step."""

    optimizer: str
    """A class of torch.optim, over all parameters."""
    options: Mapping[str, Any]
    """Its options, by torch.optim's names."""
    loss: str
    """A function of torch.nn.functional, of the model's output and the target."""
    target: InputSpec
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A module that both sides build natively. Its tensors are those of Python's module (``native.specs_of``)."""

    kind: Literal["layer", "arch"]
    name: str
    """A class of torch.nn or one of its class methods; or the name of an architecture, the same on both sides."""
    dtype: DType
    """The dtype to which the module is converted."""
    description: Mapping[str, Any]
    """For a layer, the argument of ``models.layers.build``."""
    dotnet: str
    """For a layer, the description that dotnet/Peer/Layers.cs builds it from, as JSON; else the architecture's name."""
    inputs: tuple[InputSpec | tuple[InputSpec, ...], ...]
    """Empty if there is no forward pass. A pair of specs is one input (an LSTM's states)."""
    only: Literal["python", "dotnet"] | None = None
    """The only side that has the module; None if both have it."""
    fill: str = "weights"
    """A key of ``fills.FILLS``, for all tensors of the module."""
    steps: int = 0
    """How many training steps Python makes; the case's bits are the module's state after them."""
    indifferent: tuple[str, ...] = ()
    """Names of parameters (patterns) that scaled as a whole change no output with these inputs."""
    training: Training | None = None
    """How the two sides train it, for the route ``training``."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A load into a module that exists, made in PyTorch and in TorchSharp."""

    specs: tuple[TensorSpec, ...]
    """The parameters and buffers of the module."""
    file: tuple[TensorSpec, ...]
    """The entries of the file, in order; a name may occur twice."""
    transient: tuple[str, ...]
    """The module's buffers that are not part of its state dict."""
    nested: bool
    """Whether the dots of the names separate submodules."""
    strict: bool
    skip: tuple[str, ...]
    given_as: Literal["path", "stream", "one-way"]
    """How TorchSharp gets the file. A one-way stream cannot seek, and a read returns only a few bytes at a time."""
    cut: int
    """How many bytes are missing at the end of the file."""
    trailing: int
    """How many zero bytes follow the last entry."""
    report: bool
    """Whether TorchSharp is asked which entries it has loaded."""
    changed: tuple[int, bytes] | None = None
    """The place of a byte of the file, counted from its end, and the bytes that take its place."""


class Group(NamedTuple):
    """A parameter group of an optimizer."""

    options: Mapping[str, Any]
    """The options, by torch.optim's names."""
    parameters: int
    """How many of the case's parameters the group has: the next ones after those of the groups before it."""


@dataclass(frozen=True, slots=True, eq=False)
class OptimizerCase:
    """An optimizer that makes some steps, is saved and loaded, and then makes more."""

    specs: tuple[TensorSpec, ...]
    """The tensors ``parameter.N`` and ``gradient.STEP.N``; steps count from 0."""
    optimizer: str
    """A class of torch.optim."""
    groups: tuple[Group, ...]
    steps: int
    """The number of steps before saving."""
    after: int
    """The number of steps after loading."""
    target: Literal["fresh", "used", "scoped", "restored", "handed"]
    """The optimizer that loads the file: a new one (fresh), or one that has made a step (used). Scoped: a new one that
    loads in a dispose scope, which ends before the next step. Restored: a new one that loads, saves, makes a step and
    loads what it saved. Handed: a new one loads, and hands its state dict to another new one, which goes on. Scoped,
    restored and handed are only for loads in TorchSharp."""
    layout: str
    """The memory layout of parameters and gradients, on both sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Guarantee:
    """A sentence of the documentation, or a behaviour that PyTorch's users rely on."""

    specs: tuple[TensorSpec, ...]
    probe: str
    """The name of the probe that tries the guarantee (dotnet_side/inside/probes.py)."""
    observed: str
    """What the probe observes if the guarantee holds."""
    otherwise: str
    """The kind of verdict if the probe observes something else."""
    unable: str = ""
    """The reason for which some systems cannot try it; empty where every system can."""


@dataclass(frozen=True, slots=True, eq=False)
class Hostile:
    """A file that breaks a clause of its format."""

    kind: str
    """What the whole file is: a state-dict, a tensor or an optimizer of TorchSharp, a safetensors or a pickle."""
    whole: bytes
    """The file before the edit."""
    file: bytes
    clause: str
    """The clause that it breaks: of FORMAT.md, or of the family's own table ``clauses``."""
    offset: int | None
    """Where the oracle finds that. None in a format that is not TorchSharp's: the oracle is Python's library."""
    lenient: bool = False
    """In such a format, whether a reader that ignores the fault reads the values of the whole file."""
    specs: tuple[TensorSpec, ...] = ()
    """Empty: a hostile file has its own bits."""


Subject: TypeAlias = Tensors | Model | Load | OptimizerCase | Guarantee | Hostile


@dataclass(frozen=True, slots=True)
class Case:
    """One subject in one dtype, and the routes that take it."""

    id: str
    """``family/name/dtype``: reads like a path and never changes once published."""
    why: str
    subject: Subject
    routes: tuple[str, ...]
    """The names of the case's routes, ``full_routes`` included."""
    devices: tuple[str, ...] = ("cpu",)
    """Writer's and reader's device: ``cpu``, ``cuda``, ``cuda-cpu``, ``cpu-cuda``."""
    checks: frozenset[str] = frozenset()
    """Checks that the case adds to those of its routes; cases/*.schema.json lists their names."""
    full_routes: tuple[str, ...] = ()
    """The routes among ``routes`` that a default run leaves out."""
    run: Literal["default", "full", "large"] = "default"
    """The run that takes the case. A full run takes the cases of a default run too. Full-only cases rarely find what a
    default case misses."""

    @property
    def dtype(self) -> str:
        """The last part of the id: a dtype's name, or ``mixed``."""
        return self.id.rsplit("/", 1)[1]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.split("/", 1)[0]
