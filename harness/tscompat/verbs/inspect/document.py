"""What ``inspect`` finds as typed data: the result in Python, the document of ``--json``. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

SCHEMA = Path(__file__).with_name("inspect.schema.json")
"""The published JSON Schema of the document; the module ``schema`` writes it."""


class Statistics(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of all elements of a tensor, or of one part of a complex one. A quantized tensor's are of its raw integers."""

    minimum: int | float | None
    """The smallest finite value; an integer is exact. Null where there is no finite one."""
    maximum: int | float | None
    """The largest finite value."""
    mean: float | None
    """Of the finite values, in float64; of bool the share of true."""
    nan: int
    """How many are NaN."""
    inf: int
    """How many are infinity."""
    minus_inf: int
    """How many are negative infinity."""
    zeros: int
    """How many are zero, of either sign."""


class Quantizer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a quantized tensor's integers become reals: ``scale * (integer - zero_point)``."""

    scale: float
    zero_point: int


class TensorFound(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One named tensor."""

    name: str
    """Empty for a tensor without a name. Lone surrogates are escaped."""
    dtype: str
    """The type's name in torch: ``float32``."""
    shape: tuple[int, ...]
    bytes: int
    """Of its elements."""
    offset: int | None
    """The first byte of its elements in the file; null where they do not lie there as they are read."""
    tied_to: str | None
    """The first name of the same tensor; null for that name itself, and where no other name is known."""
    quantizer: Quantizer | None
    """Null for what is not quantized."""
    statistics: tuple[Statistics, ...] | None
    """One, or for complex elements two: of the real and of the imaginary parts. Null where they were not asked for."""


class OtherFound(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry that no tensor of another file can hold."""

    name: str
    why: str


class Total(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sums over tensors. A tensor counts once for each of its names."""

    tensors: int
    elements: int
    bytes: int


class Inspection(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model file holds, as ``tscompat inspect`` finds it."""

    schema: Literal[1]
    """The version of this schema. A document with another number has another format."""
    path: str
    """The file that was read: of a folder, the one in it."""
    kind: str
    """What kind of file it is, in words."""
    size: int | None
    """Bytes of that file; null for a folder."""
    about: dict[str, str]
    """What else the file states about itself, by name."""
    single: bool
    """Whether it holds one tensor without a name, and no state dict."""
    total: Total
    by_dtype: dict[str, Total]
    """The same for each dtype."""
    tensors: tuple[TensorFound, ...]
    """In the order of the file."""
    others: tuple[OtherFound, ...]
    """The entries that are no tensors, or such as no target can hold."""
    passed: tuple[str, ...]
    """The names of what stands among the tensors and holds none: numbers, words, settings."""
    notes: tuple[str, ...]
    """What else is to be known about the file, a sentence each."""
