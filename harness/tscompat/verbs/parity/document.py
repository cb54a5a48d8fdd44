"""What ``parity`` finds, as typed data: the result in Python, and the document of ``--json``.

Imports nothing of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

SCHEMA = Path(__file__).with_name("parity.schema.json")
"""The published JSON Schema of the document; the module ``schema`` writes it."""

Outcome = Literal["equal", "rounding", "differs", "fails", "not-compared"]
"""Equal: bit for bit. Rounding: as close as rounding explains (docs/bounds.md). Fails: .NET throws."""


class Output(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An output of a module."""

    dtype: str
    shape: tuple[int, ...]
    ulps: int | None
    """The largest distance between both sides, in ULPs; null where their dtypes or shapes differ, or NaN is there."""


class Layer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One pass of a module, alone: .NET's got the inputs that PyTorch's had."""

    name: str
    """In PyTorch; empty for the whole model."""
    call: int
    """Which pass of this module it is, counted from 1."""
    python: str
    """Its class there."""
    dotnet: str
    """Its class in .NET; empty if .NET has no module of this name."""
    outcome: Outcome
    outputs: tuple[Output, ...]
    detail: str
    """What differs, what .NET throws, or why it was not compared."""
    needed: bool
    """False for a module that was not compared, because the layers in it agree, and so does the whole."""


class Attribute(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number, truth value or name that both modules keep, and that differs."""

    name: str
    python: str
    dotnet: str


class Finding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that differs. What follows from it is no finding of its own."""

    what: Literal["layer", "between", "attribute", "gradient", "training"]
    """Layer: it computes something else alone. Between: its layers agree alone, and it does not, so what stands between
    them differs. Attribute: it differs, and this input does not show it. Gradient: the one nearest to the output that
    differs. Training: the first loss or tensor that differs."""
    name: str
    """The module's, empty for the whole model; of a gradient and a training the tensor's, or ``loss``."""
    call: int
    """Which pass of the module; of a training which step; counted from 1."""
    attributes: tuple[Attribute, ...]
    detail: str


class Gradient(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The gradient of an input or a parameter."""

    name: str
    """``input.0``, or the parameter's in Python."""
    outcome: Literal["equal", "rounding", "differs"]
    ulps: int | None
    detail: str


class Training(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A training on both sides, from the same weights, on the same batches."""

    steps: int
    optimizer: str
    loss: str
    outcome: Literal["equal", "rounding", "differs"]
    python: tuple[float | None, ...]
    """The loss of each step; null where it is not finite."""
    dotnet: tuple[float | None, ...]


class Parity(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether a C# class computes what a PyTorch model computes, as ``tscompat parity`` finds it."""

    schema: Literal[1]
    """The version of this schema. A document with another number has another format."""
    outcome: Literal["agrees", "differs"]
    """Agrees: the outputs of all layers and of the whole are equal, or as close as rounding explains."""
    sentence: str
    python: str
    dotnet: str
    torch: str
    torchsharp: str
    """Versions."""
    findings: tuple[Finding, ...]
    """In the order in which PyTorch computes."""
    layers: tuple[Layer, ...]
    """In the same order; the whole is the last."""
    gradients: tuple[Gradient, ...] | None
    """Null where they were not asked for, or the outputs differ before."""
    training: Training | None
    only_python: tuple[str, ...]
    """Modules that .NET's has not, by name. One without parameters may be a function there."""
    only_dotnet: tuple[str, ...]
    notes: tuple[str, ...]
