"""How far from the float64 reference either side may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tscompat.routes.agreement import within_reference
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind

ULP = 2.0**-22
"""One ULP of float32 between 2 and 4."""
BOUND = 3.0


def output(*values: float, dtype: str = "f32") -> StateDict:
    return [Entry("output", Tensor(BY_NAME[dtype], (len(values),), np.array(values, BY_NAME[dtype].scalar)))]


EXACT = output(0.5, 2.0, dtype="f64")


@pytest.mark.parametrize(("ulps", "kind"), [(3, Kind.PASS), (4, Kind.BITS)], ids=["within", "beyond"])
@pytest.mark.parametrize("element", [0, 1], ids=["small", "largest"])
@pytest.mark.parametrize("side", ["python", "dotnet"])
def test_the_bound_counts_in_ulp_of_the_largest_element(side: str, element: int, ulps: int, kind: Kind) -> None:
    values = [0.5, 2.0]
    values[element] += ulps * ULP
    off, right = output(*values), output(0.5, 2.0)
    ours, theirs = (off, right) if side == "python" else (right, off)
    assert within_reference(ours, theirs, EXACT, BOUND).kind is kind


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_finite_on_one_side_alone_is_a_difference(odd: float) -> None:
    assert within_reference(output(0.5, 2.0), output(odd, 2.0), EXACT, BOUND).kind is Kind.BITS
    assert within_reference(output(odd, 2.0), output(0.5, 2.0), EXACT, BOUND).kind is Kind.BITS


@pytest.mark.parametrize("side", ["python", "dotnet"])
def test_the_ulp_is_that_of_the_reference(side: str) -> None:
    below = 2.0 - ULP / 2  # where one ULP is half of ULP
    off, right, exact = output(0.5, 2.0 + 2 * ULP), output(0.5, below), output(0.5, below, dtype="f64")
    ours, theirs = (off, right) if side == "python" else (right, off)
    assert within_reference(ours, theirs, exact, BOUND).kind is Kind.BITS


def test_the_furthest_output_counts_wherever_it_stands() -> None:
    off, right = output(0.5, 2.0 + 4 * ULP), output(0.5, 2.0)
    assert within_reference([*off, *right], [*right, *right], [*EXACT, *EXACT], BOUND).kind is Kind.BITS


ONLY_ZEROS = output(0.0, 0.0, dtype="f64")


@pytest.mark.parametrize(
    ("ours", "theirs", "exact"),
    [
        (output(1, dtype="i64"), output(7, dtype="i64"), output(1, dtype="i64")),
        (output(0.0, 0.0), output(0.0, 1e-9), ONLY_ZEROS),
        (output(1e-9, 0.0), output(0.0, 0.0), ONLY_ZEROS),
        (output(math.inf, 2.0), output(math.nan, 2.0), output(math.inf, 2.0, dtype="f64")),
        (output(math.inf, 2.0), output(-math.inf, 2.0), output(math.inf, 2.0, dtype="f64")),
        (output(2.0, 2.0), output(9.0, 2.0), output(math.inf, 2.0, dtype="f64")),
    ],
    ids=["integers", "zero", "zero-in-python", "inf-and-nan", "signs-of-inf", "no-finite-reference"],
)
def test_what_no_bound_covers_must_be_equal(ours: StateDict, theirs: StateDict, exact: StateDict) -> None:
    assert within_reference(ours, theirs, exact, BOUND).kind is Kind.BITS


@pytest.mark.parametrize(
    ("values", "dtype", "reference"),
    [
        ((0.0, -0.0), "f32", "f64"),
        ((math.nan, 2.0), "f32", "f64"),
        ((math.inf, -math.inf), "f32", "f64"),
        ((3,), "i64", "i64"),
    ],
    ids=["zeros", "nan", "inf", "integers"],
)
def test_what_is_equal_passes(values: tuple[float, ...], dtype: str, reference: str) -> None:
    equal, exact = output(*values, dtype=dtype), output(*values, dtype=reference)
    assert within_reference(equal, equal, exact, BOUND).kind is Kind.PASS
