"""Compares two model files: structure first, then elements. May import values, files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tscompat.files.item import Item, Model, ModelFileError, Unfit
from tscompat.files.kinds import read
from tscompat.values.text import escaped

from .document import Comparison, Lone, Misplaced, NotCompared, Renamed, Side, Unlike, Values
from .elements import Tolerance, differing
from .matching import Matched, Pair, matched


def diff(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    key_a: str = "",
    key_b: str = "",
    form_a: str = "",
    form_b: str = "",
    rtol: float | None = None,
    atol: float | None = None,
) -> Comparison:
    """What differs between two model files of any formats.

    Bits are compared. With ``rtol`` or ``atol`` (the other one is 0 then) values are, as numpy's ``allclose`` does, in
    float64; NaN equals NaN then, and a tensor may have another dtype in B. A key is where in a nested checkpoint the
    state dict is; a form names the format of a file that may be of several (``files.kinds.FORMS``). Memory holds pieces
    of tensors, and whole ones only where a format has to be decoded.

    Raises ModelFileError for what cannot be read as a model and for a negative tolerance, and OSError.
    """
    tolerance = None if rtol is None and atol is None else _tolerance(rtol or 0.0, atol or 0.0)
    ours, our_side = _read(a, key_a, form_a)
    theirs, their_side = _read(b, key_b, form_b)
    notes: list[str] = []
    items = [each for each in ours.contents if isinstance(each, Item)]
    others = [each for each in theirs.contents if isinstance(each, Item)]
    if ours.single != theirs.single and len(items) == len(others) == 1:
        notes.append("one of them is a single tensor without a name: it is compared with the other's only one")
        found = Matched([Pair(items[0], others[0], None)], [], [])
    else:
        found = matched(items, others)
    unlike = tuple(_unlike(found.pairs, tolerance))
    alike = [pair for pair in found.pairs if pair.a.shape == pair.b.shape and _comparable(pair, tolerance)]
    values = [each for pair in alike if (each := differing(pair.a, pair.b, tolerance))]
    values.sort(key=_largest_in_ulps if tolerance is None else _largest, reverse=True)
    if cast := [pair for pair in alike if pair.a.dtype is not pair.b.dtype]:
        name, one, other = escaped(cast[0].a.name), cast[0].a.dtype.torch, cast[0].b.dtype.torch
        notes.append(f"{len(cast)} of another dtype in B, compared as numbers: {name!r} is {one} in A and {other} in B")
    not_compared = tuple(
        NotCompared(side=side, name=escaped(each.name), why=escaped(each.why))
        for side, model in _sides(ours, theirs)
        for each in model.contents
        if isinstance(each, Unfit)
    )
    renamed = tuple(
        Renamed(a=escaped(pair.a.name), b=escaped(pair.b.name), by=pair.by) for pair in found.pairs if pair.by
    )
    different = any((found.missing, found.extra, renamed, unlike, values)) or _lone_unfit(ours, theirs)
    return Comparison(
        schema=1,
        outcome="different" if different else "undecided" if not_compared or not alike else "equal",
        a=our_side,
        b=their_side,
        rtol=tolerance and tolerance.rtol,
        atol=tolerance and tolerance.atol,
        compared=len(alike),
        equal=len(alike) - len(values),
        missing=tuple(map(_lone, found.missing)),
        extra=tuple(map(_lone, found.extra)),
        renamed=renamed,
        unlike=unlike,
        order=_order(found.pairs, others),
        values=tuple(values),
        not_compared=not_compared,
        notes=tuple(notes),
    )


def _lone_unfit(ours: Model, theirs: Model) -> bool:
    """Whether a tensor that cannot be read has a name that only one side has."""
    sides = ((each, {item.name for item in other.contents}) for each, other in ((ours, theirs), (theirs, ours)))
    return any(isinstance(each, Unfit) and each.name not in names for model, names in sides for each in model.contents)


def _tolerance(rtol: float, atol: float) -> Tolerance:
    for name, number in (("rtol", rtol), ("atol", atol)):
        if not (math.isfinite(number) and number >= 0):
            raise ModelFileError(f"--{name} {number}: expected a number from 0")
    return Tolerance(rtol, atol)


def _read(path: str | os.PathLike[str], key: str, form: str) -> tuple[Model, Side]:
    notes: list[str] = []
    model = read(Path(path), key, notes.append, form)
    tensors = sum(isinstance(each, Item) for each in model.contents)
    where = escaped(str(model.path))
    return model, Side(path=where, kind=model.kind, tensors=tensors, notes=tuple(map(escaped, notes)))


def _sides(ours: Model, theirs: Model) -> Iterator[tuple[Literal["a", "b"], Model]]:
    yield "a", ours
    yield "b", theirs


def _comparable(pair: Pair, tolerance: Tolerance | None) -> bool:
    """Whether the elements of a pair can be compared: with a tolerance always."""
    return tolerance is not None or (pair.a.dtype is pair.b.dtype and pair.a.quantizer == pair.b.quantizer)


def _unlike(pairs: Sequence[Pair], tolerance: Tolerance | None) -> Iterator[Unlike]:
    """What differs of each pair beside names and elements."""
    for a, b, _ in pairs:
        names = {"a": escaped(a.name), "b": escaped(b.name)}
        if a.shape != b.shape:
            yield Unlike(**names, what="shape", in_a=str(list(a.shape)), in_b=str(list(b.shape)))
        if tolerance is not None:
            continue
        if a.dtype is not b.dtype:
            yield Unlike(**names, what="dtype", in_a=a.dtype.torch, in_b=b.dtype.torch)
        elif a.quantizer != b.quantizer:
            ours, theirs = (f"scale {side.scale}, zero point {side.zero_point}" for side in (a.quantizer, b.quantizer))
            yield Unlike(**names, what="quantizer", in_a=ours, in_b=theirs)


def _lone(item: Item) -> Lone:
    return Lone(name=escaped(item.name), dtype=item.dtype.torch, shape=item.shape)


def _order(pairs: Sequence[Pair], others: Sequence[Item]) -> Misplaced | None:
    places = {id(item): place for place, item in enumerate(others)}
    there = sorted(pairs, key=lambda pair: places[id(pair.b)])
    for place, (ours, theirs) in enumerate(zip(pairs, there, strict=True)):
        if ours is not theirs:
            return Misplaced(place=place, a=escaped(ours.a.name), b=escaped(theirs.b.name))
    return None


def _largest_in_ulps(values: Values) -> tuple[float, int]:
    return _infinite(values.largest.distance), values.differing


def _largest(values: Values) -> tuple[float, int]:
    return _infinite(values.largest.difference), values.differing


def _infinite(number: float | None) -> float:
    return math.inf if number is None else number
