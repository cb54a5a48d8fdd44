"""How far from the float64 reference either side may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tscompat.python_side.rounding import Reference
from tscompat.routes.agreement import agree, within_rounding
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind

ONE = 6.04
"""explained(1) of docs/bounds.md, in standard deviations."""


def output(*values: float, dtype: str = "f32", name: str = "output") -> StateDict:
    data = np.array(values, BY_NAME[dtype].scalar)
    return [Entry(name, Tensor(BY_NAME[dtype], (len(values) // BY_NAME[dtype].parts,), data))]


def reference(exact: list[float], deviation: list[float], independent: float | None = None) -> Reference:
    return Reference(np.array(exact), np.array(deviation), independent or len(exact))


def judged(off: StateDict, right: StateDict, side: str, *references: Reference) -> Kind:
    """The verdict if ``off`` is what this side has, and ``right`` what the other has."""
    ours, theirs = (off, right) if side == "Python" else (right, off)
    by_name = {entry.name: each for entry, each in zip(off, references, strict=True)}
    return within_rounding(ours, theirs, by_name, "output").kind


@pytest.mark.parametrize(("times", "kind"), [(ONE - 0.1, Kind.PASS), (ONE + 0.1, Kind.BITS)], ids=["within", "beyond"])
@pytest.mark.parametrize("element", [0, 1], ids=["small", "large"])
@pytest.mark.parametrize("side", ["Python", ".NET"])
def test_each_element_has_a_bound_of_its_own(side: str, element: int, times: float, kind: Kind) -> None:
    right, deviations = [0.5, 1024.0], [2.0**-20, 2.0**-9]
    values = list(right)
    values[element] += times * deviations[element]
    assert judged(output(*values), output(*right), side, reference(right, deviations)) is kind


@pytest.mark.parametrize(("independent", "kind"), [(100, Kind.BITS), (4, Kind.PASS)], ids=["many-errors", "few-errors"])
@pytest.mark.parametrize("side", ["Python", ".NET"])
def test_a_tensor_that_is_off_everywhere_is_seen_though_no_element_is(
    side: str, independent: float, kind: Kind
) -> None:
    right = output(*[1.0] * 100)
    off = output(*[1.0 + 2 * 2.0**-20] * 100)
    assert judged(off, right, side, reference([1.0] * 100, [2.0**-20] * 100, independent)) is kind


@pytest.mark.parametrize("side", ["Python", ".NET"])
def test_an_element_that_rounding_does_not_move_must_be_exact(side: str) -> None:
    kind = judged(output(0.0, 1e-30), output(0.0, 0.0), side, reference([0.0, 0.0], [1.0, 0.0]))
    assert kind is Kind.BITS


def test_the_other_part_of_a_complex_number_counts() -> None:
    right = output(1, 1, 1, 1, dtype="c64")
    off = output(1, 1, 1, 1.1, dtype="c64")
    assert judged(off, right, ".NET", reference([1.0] * 4, [2.0**-20] * 4)) is Kind.BITS


def test_the_verdict_names_the_element_and_both_values() -> None:
    right, off = output(1.0, 2.0, 3.0), output(1.0, 2.5, 3.0)
    verdict = within_rounding(right, off, {"output": reference([1.0, 2.0, 3.0], [0.01] * 3)}, "output")
    assert verdict.detail == (
        "output 'output' (f32) at [1]: .NET has 2.5, float64 2; 8.33 times what rounding explains"
    )
    assert verdict.difference is not None
    assert verdict.difference[:3] == ("output", "element", 4)


def test_the_furthest_output_counts_wherever_it_stands() -> None:
    right = [*output(1.0, name="a"), *output(1.0, name="b")]
    off = [*output(1.0, name="a"), *output(2.0, name="b")]
    assert judged(off, right, ".NET", reference([1.0], [0.01]), reference([1.0], [0.01])) is Kind.BITS


@pytest.mark.parametrize("odd", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["Python", ".NET"])
def test_what_is_finite_on_one_side_alone_is_a_difference(side: str, odd: float) -> None:
    assert judged(output(odd, 2.0), output(0.5, 2.0), side, reference([0.5, 2.0], [1.0, 1.0])) is Kind.BITS


@pytest.mark.parametrize(
    ("one", "other", "exact"),
    [(math.inf, math.nan, math.inf), (math.inf, -math.inf, math.inf), (2.0, 9.0, math.inf)],
    ids=["inf-and-nan", "signs-of-inf", "no-finite-reference"],
)
def test_without_a_finite_reference_both_must_be_equal(one: float, other: float, exact: float) -> None:
    deviation = math.nan if math.isinf(exact) else 1.0
    assert judged(output(one, 2.0), output(other, 2.0), ".NET", reference([exact, 2.0], [deviation, 1.0])) is Kind.BITS


def test_integers_must_be_equal() -> None:
    one, other = output(1, dtype="i64"), output(7, dtype="i64")
    assert within_rounding(one, other, {}, "output").kind is Kind.BITS
    assert within_rounding(one, one, {}, "output").kind is Kind.PASS


@pytest.mark.parametrize("odd", [math.nan, math.inf, 0.0])
def test_what_is_equal_passes(odd: float) -> None:
    equal = output(odd, -odd)
    deviation = 0.0 if odd == 0 else math.nan  # what is not finite has no deviation
    assert (
        within_rounding(equal, equal, {"output": reference([odd, -odd], [deviation] * 2)}, "output").kind is Kind.PASS
    )


def test_names_hide_no_difference_of_the_outputs_that_both_have() -> None:
    ours = [*output(1.0, name="a"), *output(1.0, name="b")]
    verdict = agree(ours, output(2.0, name="b"), lambda: {"b": reference([1.0], [0.01])}, "output")
    assert verdict.kind is Kind.BITS


@pytest.mark.parametrize("value", [1.0, 1.001], ids=["equal", "rounded"])
def test_names_are_the_verdict_where_the_outputs_that_both_have_agree(value: float) -> None:
    ours = [*output(1.0, name="a"), *output(1.0, name="b")]
    verdict = agree(ours, output(value, name="b"), lambda: {"b": reference([1.0], [0.01])}, "output")
    assert verdict.kind is Kind.NAMES
