"""Which elements of two tensors differ, piece by piece. May import values, files.

Equal pieces cost a comparison of memory. The elements of the others are compared one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tscompat.files.item import Item
from tscompat.values.compare import same_bytes
from tscompat.values.dtypes import DType
from tscompat.values.tensors import count_elements
from tscompat.values.text import escaped
from tscompat.values.ulps import distances
from tscompat.verbs.pieces import PIECE, pieces, scalars

from .document import Element, Values


class Tolerance(NamedTuple):
    """As numpy's ``allclose``: ``|a - b| <= atol + rtol * |b|``; infinities are equal to themselves, NaN to NaN."""

    rtol: float
    atol: float


class _Found(NamedTuple):
    """An element that differs."""

    number: int
    """Its place, row-major."""
    a: bytes
    b: bytes


@np.errstate(all="ignore")  # of signalling NaNs, and of differences without a finite value
def differing(a: Item, b: Item, tolerance: Tolerance | None) -> Values | None:
    """What differs between two tensors of one shape; None if nothing does.

    Without a tolerance the bits are compared, and both are of one dtype. Raises as ``Item.read``.
    """
    count, first, largest, rank = 0, None, None, -1
    alike = a.dtype is b.dtype and a.quantizer == b.quantizer
    size = PIECE // max(a.dtype.itemsize, b.dtype.itemsize)
    for number, (left, right) in enumerate(zip(pieces(a, size), pieces(b, size), strict=True)):
        if alike and same_bytes(left, right):
            continue
        if tolerance is None:
            wrong, ranks = _bits(a.dtype, left, right)
        else:
            ours, theirs = _reals(a, left), _reals(b, right)
            # Integers of 64 bits are not all float64: those of one type are subtracted as integers.
            exact = alike and a.dtype.kind == "integer"
            apart = distances(a.dtype, *(scalars(a.dtype, side) for side in (left, right))) if exact else None
            wrong, ranks = _numbers(ours, theirs, tolerance, np.abs(ours - theirs) if apart is None else apart)
        if not wrong.any():
            continue
        count += int(np.count_nonzero(wrong))
        begin = number * size
        if first is None:
            first = _found(a, b, left, right, begin, int(wrong.argmax()))
        at = int(ranks.argmax())
        if ranks[at].item() > rank:
            largest, rank = _found(a, b, left, right, begin, at), ranks[at].item()
    if first is None or largest is None:
        return None
    return Values(
        a=escaped(a.name),
        b=escaped(b.name),
        dtype=a.dtype.torch,
        shape=a.shape,
        elements=count_elements(a.shape),
        differing=count,
        first=_element(a, b, first),
        largest=_element(a, b, largest),
    )


def _bits(dtype: DType, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which elements have other bits, and their ranks: NaN first, then by distance; 0 for equal bits."""
    a, b = (scalars(dtype, side).reshape(-1, dtype.parts) for side in (left, right))
    bits = f"u{dtype.scalar.itemsize}"
    wrong = a.view(bits) != b.view(bits)
    ranks = distances(dtype, a, b)
    np.maximum(ranks, wrong, out=ranks)  # the two zeros are at no distance
    if dtype.kind in ("float", "complex"):
        nan = np.isnan(a) | np.isnan(b)
        if nan.any():
            ranks[nan & wrong] = np.iinfo(ranks.dtype).max
    if dtype.parts == 1:
        return wrong[:, 0], ranks[:, 0]
    return wrong.any(axis=1), ranks.max(axis=1)


def _numbers(
    a: NDArray[Any], b: NDArray[Any], tolerance: Tolerance, difference: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which elements differ by more than the tolerance, and by how much; the others are below zero."""
    fine = difference <= tolerance.atol + tolerance.rtol * np.abs(b)
    fine &= np.isfinite(b)
    fine |= ((a == b) & ~(difference > 0)) | (np.isnan(a) & np.isnan(b))
    return ~fine, np.where(fine, -1.0, np.where(np.isnan(difference), np.inf, difference))


def _reals(item: Item, piece: NDArray[np.uint8]) -> NDArray[Any]:
    """The elements as float64 or complex128; quantized ones as the reals that they stand for."""
    dtype = item.dtype
    if dtype.kind == "bool":
        return (piece != 0).astype(np.float64)
    values = scalars(dtype, piece).astype(np.float64)
    if dtype.parts == 2:
        return values.view(np.complex128)
    if dtype.kind == "quantized":
        return (values - item.quantizer.zero_point) * item.quantizer.scale
    return values


def _found(a: Item, b: Item, left: NDArray[np.uint8], right: NDArray[np.uint8], begin: int, at: int) -> _Found:
    ours, theirs = (
        piece[at * item.dtype.itemsize : (at + 1) * item.dtype.itemsize].tobytes()
        for item, piece in ((a, left), (b, right))
    )
    return _Found(begin + at, ours, theirs)


def _element(a: Item, b: Item, found: _Found) -> Element:
    left, right = (np.frombuffer(side, item.dtype.scalar) for item, side in ((a, found.a), (b, found.b)))
    distance = None
    if a.dtype is b.dtype and not (_any_nan(a.dtype, left) or _any_nan(b.dtype, right)):
        distance = int(distances(a.dtype, left, right).max())
    ours, theirs = (_reals(item, np.frombuffer(side, np.uint8))[0] for item, side in ((a, found.a), (b, found.b)))
    difference = float(abs(ours - theirs))
    return Element(
        index=_index(found.number, a.shape),
        a_bits=_pattern(a.dtype, found.a),
        b_bits=_pattern(b.dtype, found.b),
        a=_value(left),
        b=_value(right),
        distance=distance,
        difference=difference if np.isfinite(difference) else None,
    )


def _any_nan(dtype: DType, scalars: NDArray[Any]) -> bool:
    return dtype.kind in ("float", "complex") and bool(np.isnan(scalars).any())


def _index(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index: list[int] = []
    for dim in reversed(shape):
        number, place = divmod(number, dim)
        index.append(place)
    return tuple(reversed(index))


def _pattern(dtype: DType, element: bytes) -> str:
    size = dtype.scalar.itemsize
    parts = (element[start : start + size] for start in range(0, len(element), size))
    return "|".join(f"0x{int.from_bytes(part, 'little'):0{2 * size}x}" for part in parts)


def _value(scalars: NDArray[Any]) -> str:
    return "|".join(str(value) for value in scalars)
