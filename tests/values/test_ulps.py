"""Distances in ULP between values whose neighbours are known."""

from __future__ import annotations

import numpy as np
import pytest

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Tensor
from tscompat.values.ulps import furthest, ulp

ONE_ULP = {"f16": 2**-10, "bf16": 2**-7, "f32": 2**-23, "f64": 2**-52}
"""The distance between 1 and its upper neighbour."""


def of(name: str, *values: float) -> Tensor:
    dtype = BY_NAME[name]
    return Tensor(dtype, (len(values) // dtype.parts,), np.array(values, dtype.scalar).view(np.uint8))


@pytest.mark.parametrize("name", ONE_ULP)
def test_neighbours_are_one_apart(name: str) -> None:
    assert furthest(of(name, 1, 1), of(name, 1, 1 + ONE_ULP[name])) == (1, (1,))


@pytest.mark.parametrize("name", ONE_ULP)
def test_the_distance_is_the_same_both_ways(name: str) -> None:
    one, other = of(name, -1, 3), of(name, -1 - 3 * ONE_ULP[name], 3)
    assert furthest(one, other) == furthest(other, one) == (3, (0,))


@pytest.mark.parametrize("name", ONE_ULP)
def test_zeros_are_the_same_and_stand_between_the_smallest_numbers(name: str) -> None:
    dtype = BY_NAME[name]
    size = dtype.itemsize
    patterns = [0, 1, (1 << (8 * size - 1)) | 1]
    zero, above, below = (Tensor(dtype, (1,), bits.to_bytes(size, "little")) for bits in patterns)
    negative_zero = Tensor(dtype, (1,), (1 << (8 * size - 1)).to_bytes(size, "little"))
    assert [furthest(zero, other).ulps for other in (negative_zero, above, below)] == [0, 1, 1]
    assert furthest(above, below).ulps == 2


def test_the_furthest_numbers_of_float64_do_not_overflow() -> None:
    assert furthest(of("f64", -np.inf), of("f64", np.inf)).ulps == 2 * 0x7FF0000000000000


def test_nans_are_alike_whatever_their_bits() -> None:
    quiet, other = (Tensor(BY_NAME["f32"], (1,), bits.to_bytes(4, "little")) for bits in (0x7FC00000, 0xFFC00001))
    assert furthest(quiet, other).ulps == 0


def test_a_nan_is_far_from_a_number() -> None:
    assert furthest(of("f32", np.nan), of("f32", 1)).ulps > 1 << 22


def test_a_complex_number_is_as_far_off_as_its_furthest_part() -> None:
    assert furthest(of("c64", 1, 1, 1, 1), of("c64", 1, 1, 1, 1 + 2**-22)) == (2, (1,))


def test_the_place_is_an_index() -> None:
    one = of("f32", *range(1, 7))._replace(shape=(2, 3))
    other = of("f32", 1, 2, 3, 4, 5, 7)._replace(shape=(2, 3))
    assert furthest(one, other).at == (1, 2)


def test_no_element_is_no_distance() -> None:
    assert furthest(of("f32"), of("f32")) == (0, ())


@pytest.mark.parametrize("name", ONE_ULP)
@pytest.mark.parametrize(("value", "factor"), [(1.0, 1), (-1.5, 1), (2.0, 2), (0.75, 0.5)])
def test_one_ulp_of_a_number_is_the_distance_to_its_next_neighbour(name: str, value: float, factor: float) -> None:
    assert ulp(BY_NAME[name], value) == factor * ONE_ULP[name]


def test_one_ulp_just_below_a_power_of_two() -> None:
    assert ulp(BY_NAME["f64"], float(np.nextafter(2.0**100, 0))) == 2.0 ** (99 - 52)
