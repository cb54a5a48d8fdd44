"""Compares, within bounds, what both sides compute: it need not be equal bit for bit.

May import values, catalogue, python_side. docs/bounds.md derives the bounds; their numbers are in cases/dtypes.toml.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import load_bounds
from tscompat.python_side.rounding import Reference
from tscompat.values.compare import VALUES, compare, difference, first
from tscompat.values.tensors import Entry, StateDict, as_float64
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict


def agree(
    ours: StateDict,
    theirs: StateDict,
    references: Callable[[], Mapping[str, Reference]],
    what: str,
    allowance: float = 1.0,
) -> Verdict:
    """Whether both sides are bitwise equal, or as ``within_rounding`` wants them; ``references`` are made if needed.

    A difference of names comes last, so that it hides no other.
    """
    differences = compare(ours, theirs)
    unlike, names = first(differences, VALUES - {Kind.BITS}), first(differences, {Kind.NAMES})
    if unlike.kind in (Kind.DTYPE, Kind.SHAPE):
        return unlike
    if first(differences, {Kind.BITS}) is PASS:
        return names
    found = dict(theirs)
    shared = [entry for entry in ours if entry.name in found]
    values = within_rounding(shared, [Entry(name, found[name]) for name, _ in shared], references(), what, allowance)
    return values if values.kind is not Kind.PASS or names is PASS else names


def within_rounding(
    ours: StateDict, theirs: StateDict, references: Mapping[str, Reference], what: str, allowance: float = 1.0
) -> Verdict:
    """Whether ``ours`` and ``theirs`` are as close to their references as rounding explains (docs/bounds.md).

    Each element must be, and so must the root mean square of each tensor. Elements that rounding does not move must be
    exact. Infinities and NaN, and tensors without a reference (integers), must be equal on both sides. The state dicts
    have the same names in the same order, dtypes and shapes; ``what`` names their entries in a verdict. They may be
    ``allowance`` times as far off as rounding explains.
    """
    furthest = {"Python": 0.0, ".NET": 0.0}
    for (name, our), (_, their) in zip(ours, theirs, strict=True):
        if name not in references:
            different = difference(our, their, name)
            if different:
                return first([different])
            continue
        reference = references[name]
        mine, other = as_float64(our), as_float64(their)
        finite = np.isfinite(mine) & np.isfinite(other) & np.isfinite(reference.deviation)
        if not np.array_equal(mine[~finite], other[~finite], equal_nan=True):
            return Verdict(
                Kind.BITS, f"{what} {name!r}: the two sides differ where one of them or float64 is not finite"
            )
        for side, found in (("Python", mine), (".NET", other)):
            part, elements = _off(found, reference, finite)
            furthest[side] = max(furthest[side], part)
            if part > allowance:
                at = int(elements.argmax())
                index = [int(each) for each in np.unravel_index(at // our.dtype.parts, our.shape)]
                sentence = (
                    f"{what} {name!r} ({our.dtype.name}) at {index}: {side} has {found[at]:.9g}, float64 "
                    f"{reference.exact[at]:.9g}; {part:.3g} times what rounding explains"
                )
                place = FirstDifference(
                    name,
                    "element",
                    at // our.dtype.parts * our.dtype.itemsize,
                    f"{reference.exact[at]:.9g}",
                    f"{found[at]:.9g}",
                )
                return Verdict(Kind.BITS, sentence, place)
    parts = ", ".join(f"{side} {part:.2f}" for side, part in furthest.items())
    return Verdict(Kind.PASS, f"off float64, as a part of what rounding explains: {parts}")


def _off(
    found: NDArray[np.float64], reference: Reference, finite: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """How far a tensor is from its reference, as a part of what rounding explains; and how far each of its elements is,
    in standard deviations: infinitely, if rounding does not move it.
    """
    errors = np.abs(np.subtract(found, reference.exact, where=finite, out=np.zeros_like(found)))
    moved = reference.deviation > 0
    elements = np.where(errors > 0, math.inf, 0.0)
    np.divide(errors, reference.deviation, where=finite & moved, out=elements)
    mean = math.sqrt(float(np.square(elements).sum()) / max(1, int(moved.sum())))
    return max(float(elements.max(initial=0.0)) / _explained(1), mean / _explained(reference.independent)), elements


@functools.cache
def _explained(independent: float) -> float:
    """The root mean square of so many independent errors, in standard deviations, that chance seldom exceeds.

    By the bound of Laurent and Massart (2000, lemma 1) for a sum of squares of normal numbers.
    """
    rarity = -math.log(load_bounds("rounding")["chance"])
    return math.sqrt(1 + 2 * math.sqrt(rarity / independent) + 2 * rarity / independent)
