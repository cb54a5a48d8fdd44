"""Statistics of elements: against Python's own numbers, and by hand where values are special."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import ALL, random_entry
from tscompat.files.item import Item
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import as_float64
from tscompat.verbs import pieces
from tscompat.verbs.inspect.document import Statistics
from tscompat.verbs.inspect.statistics import statistics
from verbs.items import item, item_of_bits

NAN, INF = math.nan, math.inf


def of(values: Any, dtype: str = "f32") -> Statistics:
    (found,) = statistics(item(values, dtype))
    return found


def test_of_finite_values() -> None:
    assert of([1.5, -2, 0, -0.0]) == Statistics(
        minimum=-2.0, maximum=1.5, mean=-0.125, nan=0, inf=0, minus_inf=0, zeros=2
    )


def test_of_values_that_are_not_finite_the_others_count() -> None:
    assert of([NAN, 1, INF, INF, -INF, 3, NAN, NAN]) == Statistics(
        minimum=1.0, maximum=3.0, mean=2.0, nan=3, inf=2, minus_inf=1, zeros=0
    )


@pytest.mark.parametrize("values", [[], [NAN, NAN], [INF]])
def test_without_a_finite_value_there_is_no_mean(values: list[float]) -> None:
    found = of(values)
    assert (found.minimum, found.maximum, found.mean) == (None, None, None)


def test_of_no_integers() -> None:
    found = of([], "i64")
    assert (found.minimum, found.maximum, found.mean, found.zeros) == (None, None, None, 0)


def test_every_payload_of_a_nan_is_one() -> None:
    (found,) = statistics(item_of_bits([0x7FC00001, 0xFFC00000, 0x7F800001, 0x7F800000, 0xFF800000], BY_NAME["f32"]))
    assert (found.nan, found.inf, found.minus_inf) == (3, 1, 1)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("i64", [2**63 - 1, -(2**63), 2**62 + 1]), ("i8", [-128, 127, -128]), ("u8", [255] * 7), ("i32", [-(2**31), 1])],
)
def test_integers_are_exact(dtype: str, values: list[int]) -> None:
    found = of(values, dtype)
    assert (found.minimum, found.maximum, found.mean) == (min(values), max(values), sum(values) / len(values))


def test_unsigned_integers_of_64_bits_are_exact() -> None:
    (found,) = statistics(item_of_bits([2**64 - 1, 2**64 - 1, 2**63 + 1], BY_TORCH["uint64"]))
    assert (found.minimum, found.maximum, found.mean) == (2**63 + 1, 2**64 - 1, (2**65 + 2**63 - 1) / 3)


def test_of_bool_every_byte_but_0_is_true() -> None:
    (found,) = statistics(item_of_bits([0, 1, 2, 255], BY_NAME["bool"]))
    assert (found.minimum, found.maximum, found.mean, found.zeros) == (0, 1, 0.75, 1)


def test_complex_elements_have_two_parts() -> None:
    real, imaginary = statistics(item([[1, 5], [3, NAN]], "c64"))
    assert (real.mean, real.nan, imaginary.mean, imaginary.nan) == (2.0, 0, 5.0, 1)


def test_a_mean_that_overflows_on_the_way() -> None:
    assert of([1.7e308, 1.7e308, -1.7e308, 1.7e308], "f64").mean == pytest.approx(0.85e308)


def test_a_mean_of_sums_that_overflow_to_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 16)
    assert of([1.7e308, 1.7e308, -1.7e308, -1.7e308], "f64").mean == 0


def test_a_mean_of_the_smallest_numbers() -> None:
    assert of([5e-324, 5e-324], "f64").mean == 5e-324


@pytest.mark.parametrize("size", [16, 1 << 20])
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_of_every_dtype_as_python_computes_them(dtype: DType, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", size)
    _, tensor = random_entry("w", dtype, (700,))
    found = statistics(Item("w", dtype, (700,), lambda: tensor.data, copies=False))
    scalars: list[Any] = np.frombuffer(tensor.data, dtype.scalar).tolist()
    if dtype.kind in ("float", "complex"):
        with np.errstate(invalid="ignore"):  # of signalling NaNs
            scalars = as_float64(tensor).tolist()
    assert len(found) == dtype.parts
    for part, statistic in enumerate(found):
        every = scalars[part :: dtype.parts]
        finite = [value for value in every if math.isfinite(value)]
        assert (statistic.minimum, statistic.maximum) == (min(finite), max(finite))
        exact = sum(map(Fraction, finite)) / len(finite)
        assert statistic.mean == pytest.approx(float(exact), rel=1e-6, abs=1e-12)
        counts = (statistic.nan, statistic.inf, statistic.minus_inf, statistic.zeros)
        assert counts == (sum(map(math.isnan, every)), every.count(INF), every.count(-INF), every.count(0))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_mean_lies_between_minimum_and_maximum(values: list[float]) -> None:
    found = of(values)
    assert min(values) <= (found.mean or 0.0) <= max(values)
