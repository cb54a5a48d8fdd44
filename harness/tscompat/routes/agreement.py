"""Compares, within bounds, what both sides compute: it need not be equal bit for bit. May import values, catalogue.

The bounds are in cases/dtypes.toml, in ULP (values/ulps.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import load_bounds
from tscompat.values.compare import VALUES, compare, difference, first
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.ulps import furthest, ulp
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict


def in_the_order_of(ours: StateDict, theirs: StateDict) -> StateDict:
    """The entries of ``theirs`` in the order of ``ours``. Both have the same names, each once."""
    found = dict(theirs)
    return [Entry(name, found[name]) for name, _ in ours]


def within_reference(ours: StateDict, theirs: StateDict, exact: StateDict, bound: float) -> Verdict:
    """Whether ``ours`` and ``theirs`` are within ``bound`` ULP of ``exact``, the reference in float64.

    The ULP of a tensor is the one of its dtype at the reference's largest finite element. Where that is zero, both
    sides must be zero. Infinities and NaN, and tensors that are neither float nor complex, must be equal on both sides.
    The state dicts have the same names in the same order, dtypes (``exact`` but for float64) and shapes.
    """
    apart = python = dotnet = 0.0
    for (name, our), (_, their), (_, reference) in zip(ours, theirs, exact, strict=True):
        if our.dtype.mantissa_bits is None:
            different = difference(our, their, name)
            if different:
                return first([different])
            continue
        a, b, wanted = (values(tensor) for tensor in (our, their, reference))
        finite = np.isfinite(a) & np.isfinite(b) & np.isfinite(wanted)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return Verdict(Kind.BITS, f"output {name}: the two sides differ where one of them or float64 is not finite")
        largest = float(np.max(np.abs(wanted), initial=0.0, where=finite))
        if not largest:
            if np.any(a[finite]) or np.any(b[finite]):
                return Verdict(Kind.BITS, f"output {name}: in float64 all of it is zero, but not on both sides")
            continue
        unit = ulp(our.dtype, largest)
        distances = (
            float(np.max(np.abs(x - y), initial=0.0, where=finite)) / unit
            for x, y in ((a, b), (a, wanted), (b, wanted))
        )
        apart, python, dotnet = map(max, zip((apart, python, dotnet), distances, strict=True))
    sentence = f"{apart:.1f} ULP apart; from float64 Python {python:.1f}, .NET {dotnet:.1f}, at most {bound:g}"
    return Verdict(Kind.PASS if max(python, dotnet) <= bound else Kind.BITS, sentence)


def within_step(ours: StateDict, theirs: StateDict) -> Verdict:
    """Whether both sides have the same parameters after an optimizer's step, each element within ``step-ulp`` ULP."""
    unlike = first(compare(ours, theirs), VALUES - {Kind.BITS})
    if unlike is not PASS:
        return unlike
    bounds = load_bounds("step-ulp")
    for (name, our), (_, their) in zip(ours, in_the_order_of(ours, theirs), strict=True):
        apart, bound = furthest(our, their), bounds[our.dtype.name]
        if apart.ulps > bound:
            where = f"{name} ({our.dtype.name}) at {list(apart.at)}"
            sentence = f"{where} is {apart.ulps} ULP off, at most {bound} are allowed"
            offset = int(np.ravel_multi_index(apart.at, our.shape)) * our.dtype.itemsize if apart.at else 0
            place = FirstDifference(name, "element", offset, f"at most {bound} ULP", f"{apart.ulps} ULP")
            return Verdict(Kind.BITS, sentence, place)
    return PASS


def values(tensor: Tensor) -> NDArray[np.float64]:
    """The elements as a flat array of float64, which holds every float type exactly; a complex one is two numbers."""
    flat = np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar)
    return flat.astype(np.float64)
