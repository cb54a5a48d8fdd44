"""What ``diff`` finds, as typed data: the result in Python, and the document of ``--json``. Imports nothing of ours.

Names have their lone surrogates escaped. A and B are the two files, in the order in which they were given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

SCHEMA = Path(__file__).with_name("diff.schema.json")
"""The published JSON Schema of the document; the module ``schema`` writes it."""


class Side(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the two files."""

    path: str
    """The file that was read: of a folder, the one in it."""
    kind: str
    """What kind of file it is, in words."""
    tensors: int
    notes: tuple[str, ...]
    """What is to be known about the file, a sentence each."""


class Lone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tensor that only one side has."""

    name: str
    dtype: str
    """The type's name in torch: ``float32``."""
    shape: tuple[int, ...]


class Renamed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tensor that has another name in B."""

    a: str
    b: str
    by: Literal["bits", "name", "shape"]
    """Why both are taken for one tensor: the same dtype, shape and bits; the same shape, and one name is the end of the
    other; or no others of this dtype and shape are left, and the names have parts in common."""


class Unlike(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tensor whose values cannot be compared."""

    a: str
    """Its name in A."""
    b: str
    """Its name in B."""
    what: Literal["dtype", "shape", "quantizer"]
    in_a: str
    in_b: str


class Misplaced(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first place at which the tensors that both have are in another order. That alone is no difference."""

    place: int
    """Counted from 0 among the tensors that both have."""
    a: str
    """The name of A's tensor at this place."""
    b: str
    """The name of B's tensor at this place."""


class Element(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One element that differs."""

    index: tuple[int, ...]
    a_bits: str
    """``0x3f800000``; of a complex element the real and the imaginary part: ``0x3f800000|0x00000000``."""
    b_bits: str
    a: str
    """The value."""
    b: str
    distance: int | None
    """Of floats in ULPs (of a complex element the larger one of its parts), of integers the difference. Null where one
    is NaN and where the dtypes differ."""
    difference: float | None
    """The absolute difference of the values. Null where it is not finite."""


class Values(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tensor of which elements differ."""

    a: str
    """Its name in A."""
    b: str
    """Its name in B."""
    dtype: str
    """In A."""
    shape: tuple[int, ...]
    elements: int
    differing: int
    """How many elements differ; with a tolerance, by more than that."""
    first: Element
    """The one with the lowest index."""
    largest: Element
    """The one with the largest distance, of which one that is or becomes NaN is the largest; with a tolerance, the one
    with the largest difference."""


class NotCompared(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry that is no tensor, or no dense one."""

    side: Literal["a", "b"]
    name: str
    why: str


class Comparison(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What differs between two model files, as ``tscompat diff`` finds it."""

    schema: Literal[1]
    """The version of this schema. A document with another number has another format."""
    outcome: Literal["equal", "different", "undecided"]
    """Undecided: no difference was found, but entries could not be compared."""
    a: Side
    b: Side
    rtol: float | None
    """Null where bits were compared. Else values are equal if ``|a - b| <= atol + rtol * |b|``, and both may be NaN."""
    atol: float | None
    compared: int
    """How many tensors were compared by their elements."""
    equal: int
    """How many of those are equal."""
    missing: tuple[Lone, ...]
    """In A and not in B."""
    extra: tuple[Lone, ...]
    """In B and not in A."""
    renamed: tuple[Renamed, ...]
    unlike: tuple[Unlike, ...]
    order: Misplaced | None
    """Null where both have the same order."""
    values: tuple[Values, ...]
    """The largest difference first."""
    not_compared: tuple[NotCompared, ...]
    notes: tuple[str, ...]
    """What else is to be known about the comparison, a sentence each."""
