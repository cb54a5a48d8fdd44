"""How far apart elements are: against a list of all values of a type in their order, and against Python's integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.values.dtypes import BY_NAME, DTYPES, FOREIGN, DType
from tscompat.values.ulps import distances

SMALL = [each for each in (*DTYPES, *FOREIGN) if each.kind == "float" and each.scalar.itemsize <= 2]
INTEGERS = [each for each in (*DTYPES, *FOREIGN) if each.kind in ("integer", "quantized")]


def distance(dtype: DType, a: int, b: int) -> int:
    """Between two bit patterns."""
    unsigned = f"<u{dtype.scalar.itemsize}"
    (found,) = distances(dtype, *(np.array([each], unsigned).view(dtype.scalar) for each in (a, b)))
    return int(found)


@pytest.mark.parametrize("dtype", SMALL, ids=lambda dtype: dtype.name)
def test_a_float_is_as_far_as_there_are_values_between(dtype: DType) -> None:
    codes = np.arange(1 << dtype.bits).astype(f"<u{dtype.itemsize}").view(dtype.scalar)
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        values = codes.astype(np.float64)
    known = ~np.isnan(values)
    ranks = np.unique(values[known], return_inverse=True)[1]
    place = len(ranks) // 3
    there = np.repeat(codes[known][place : place + 1], len(ranks))
    assert np.array_equal(distances(dtype, codes[known], there), abs(ranks - ranks[place]))


@pytest.mark.parametrize(
    ("name", "a", "b", "expected"),
    [
        ("f32", 0x3F800000, 0x3F800001, 1),
        ("f32", 0x00000000, 0x80000000, 0),
        ("f32", 0x00000001, 0x80000001, 2),
        ("f32", 0x7F800000, 0xFF800000, 2 * 0x7F800000),
        ("f64", 0x7FF0000000000000, 0xFFF0000000000000, 2 * 0x7FF0000000000000),
        ("c64", 0x3F800000, 0x3F800003, 3),
        ("c64", 0x00000001, 0x80000001, 2),
        ("bool", 0, 1, 1),
        ("bool", 0, 255, 255),
    ],
)
def test_distances_by_hand(name: str, a: int, b: int, expected: int) -> None:
    assert distance(BY_NAME[name], a, b) == expected


@given(st.sampled_from(INTEGERS), st.data())
def test_integers_are_as_far_as_their_difference(dtype: DType, data: st.DataObject) -> None:
    bounds = np.iinfo(dtype.scalar)
    a, b = (data.draw(st.integers(int(bounds.min), int(bounds.max))) for _ in range(2))
    (found,) = distances(dtype, *(np.array([each], dtype.scalar) for each in (a, b)))
    assert int(found) == abs(a - b)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_neighbours_of_a_float64_are_one_apart(value: float, other: float) -> None:
    up = math.nextafter(value, other)
    (found,) = distances(BY_NAME["f64"], np.array([value]), np.array([up]))
    assert int(found) == (0 if value == up else 1)
