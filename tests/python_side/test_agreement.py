"""How far from the float64 reference either side may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tscompat.catalogue import load_bounds
from tscompat.python_side.agreement import agree, within_rounding
from tscompat.python_side.rounding import Reference
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

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
    assert verdict.difference == FirstDifference("output", "element", 4, "2", "2.5")


def test_the_place_of_a_complex_number_is_that_of_both_its_parts() -> None:
    right, off = output(1, 1, 1, 1, dtype="c64"), output(1, 1, 1, 2, dtype="c64")
    verdict = within_rounding(right, off, {"output": reference([1.0] * 4, [0.01] * 4)}, "output")
    assert " at [1]: " in verdict.detail
    assert verdict.difference == FirstDifference("output", "element", 8, "1", "2")


def test_a_pass_states_how_far_each_side_is_off() -> None:
    right, off = output(1.0, 2.0, dtype="f64"), output(1.0, 2.03, dtype="f64")
    verdict = within_rounding(right, off, {"output": reference([1.0, 2.0], [0.01, 0.01])}, "output")
    stated = "off float64, as a part of what rounding explains: Python 0.00, .NET 0.50"
    assert verdict == Verdict(Kind.PASS, stated)


def test_what_is_as_far_off_as_rounding_explains_passes() -> None:
    rarity = -math.log(load_bounds("rounding")["chance"])
    explained = math.sqrt(1 + 2 * math.sqrt(rarity) + 2 * rarity)
    off, right = output(explained, dtype="f64"), output(0.0, dtype="f64")
    assert judged(off, right, ".NET", reference([0.0], [1.0])) is Kind.PASS


@pytest.mark.parametrize(("allowance", "kind"), [(8.0, Kind.BITS), (9.0, Kind.PASS)])
def test_more_than_rounding_explains_may_be_allowed(allowance: float, kind: Kind) -> None:
    right, off = output(2.0), output(2.5)
    assert within_rounding(right, off, {"output": reference([2.0], [0.01])}, "output", allowance).kind is kind
    assert agree(right, off, lambda: {"output": reference([2.0], [0.01])}, "output", allowance).kind is kind


def test_elements_that_rounding_does_not_move_make_no_room_for_the_others() -> None:
    """Of many independent errors, two standard deviations in the mean are too many; of the two elements only one has
    an error.
    """
    right, off = output(1.0, 1.0, dtype="f64"), output(1.0 + 2 * 2.0**-20, 1.0, dtype="f64")
    assert judged(off, right, ".NET", reference([1.0, 1.0], [2.0**-20, 0.0], 100)) is Kind.BITS


def test_what_rounding_does_not_move_and_is_exact_is_off_by_nothing() -> None:
    equal = output(1.0, 2.0)
    verdict = within_rounding(equal, equal, {"output": reference([1.0, 2.0], [0.0, 0.0])}, "output")
    assert verdict.detail.endswith(": Python 0.00, .NET 0.00")


def test_a_tensor_without_elements_passes() -> None:
    assert judged(output(), output(), ".NET", reference([], [], 1)) is Kind.PASS


def test_a_tensor_behind_equal_integers_is_judged_too() -> None:
    integers = output(1, dtype="i64", name="count")
    right, off = ([*integers, *output(each)] for each in (1.0, 2.0))
    assert within_rounding(right, off, {"output": reference([1.0], [0.01])}, "output").kind is Kind.BITS


def test_a_tensor_too_many_is_no_pass() -> None:
    one, two = output(1.0), [*output(1.0), *output(1.0, name="more")]
    for ours, theirs in ((one, two), (two, one)):
        with pytest.raises(ValueError, match="zip"):
            within_rounding(ours, theirs, {"output": reference([1.0], [0.01])}, "output")


def test_the_furthest_output_counts_wherever_it_stands() -> None:
    right = [*output(1.0, name="a"), *output(1.0, name="b")]
    off = [*output(1.0, name="a"), *output(2.0, name="b")]
    assert judged(off, right, ".NET", reference([1.0], [0.01]), reference([1.0], [0.01])) is Kind.BITS


@pytest.mark.parametrize("odd", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["Python", ".NET"])
def test_what_is_finite_on_one_side_alone_is_a_difference(side: str, odd: float) -> None:
    assert judged(output(odd, 2.0), output(0.5, 2.0), side, reference([0.5, 2.0], [1.0, 1.0])) is Kind.BITS


def test_what_is_not_finite_is_named() -> None:
    verdict = within_rounding(output(math.inf), output(1.0), {"output": reference([1.0], [1.0])}, "after steps,")
    assert verdict.detail == ("after steps, 'output': the two sides differ where one of them or float64 is not finite")


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
    verdict = within_rounding(one, other, {}, "output")
    assert (verdict.kind, verdict.difference and verdict.difference.entry) == (Kind.BITS, "output")
    assert within_rounding(one, one, {}, "output").kind is Kind.PASS


def unneeded() -> dict[str, Reference]:
    raise AssertionError("a reference was made")


def about(*values: float) -> dict[str, Reference]:
    return {"a": reference([values[0]], [0.01]), "b": reference([values[1]], [0.01])}


PAIR = [*output(1.0, name="a"), *output(2.0, name="b")]


@pytest.mark.parametrize("theirs", [PAIR, PAIR[::-1]], ids=["as-they-are", "in-another-order"])
def test_equal_bits_need_no_reference(theirs: StateDict) -> None:
    assert agree(PAIR, theirs, unneeded, "output") is PASS


@pytest.mark.parametrize(
    ("theirs", "kind"),
    [
        (PAIR[:1], Kind.NAMES),
        ([*PAIR, *output(1.0, name="c")], Kind.NAMES),
        ([PAIR[0], *output(2.0, name="b", dtype="f64")], Kind.DTYPE),
        ([PAIR[0], *output(2.0, 2.0, name="b")], Kind.SHAPE),
        ([*output(1.001, name="a"), *output(2.0, name="b", dtype="f64")], Kind.DTYPE),
    ],
    ids=["missing", "unexpected", "dtype", "shape", "dtype-behind-bits"],
)
def test_what_no_rounding_explains_needs_no_reference(theirs: StateDict, kind: Kind) -> None:
    assert agree(PAIR, theirs, unneeded, "output").kind is kind


@pytest.mark.parametrize(("value", "kind"), [(2.01, Kind.PASS), (2.5, Kind.BITS)])
@pytest.mark.parametrize("step", [1, -1], ids=["as-they-are", "in-another-order"])
def test_other_bits_are_judged_by_the_references(step: int, value: float, kind: Kind) -> None:
    theirs = [PAIR[0], *output(value, name="b")][::step]
    verdict = agree(PAIR, theirs, lambda: about(1.0, 2.0), "after steps,")
    assert verdict.kind is kind
    assert verdict.detail.startswith("after steps, 'b' (f32) at [0]: .NET has 2.5" if kind is Kind.BITS else "off ")


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
