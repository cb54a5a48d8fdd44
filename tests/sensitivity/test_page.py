"""What fails the session, and what its section of docs/proof.md states."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from records import ENVIRONMENT
from sensitivity.measured import SETTINGS, Fault, Measured, Reached, Scaled
from sensitivity.page import Count, page, problems
from tscompat.catalogue import Case, load_catalogue

CELL = "layer/rnncell/without-state/f32"
"""A case with an indifferent tensor, ``weight_hh``."""
OTHER = "layer/linear/default/bf16"
CASES = {case_id: load_catalogue()[case_id] for case_id in (CELL, OTHER, "optim/adam/f32")}


def scaled(*parts: float, check: str = "forward") -> list[Scaled]:
    """Tensors by the parts of the bound that they reach."""
    return [Scaled(f"t{number}", {check: part}) for number, part in enumerate(parts)]


def case_with(*tensors: Scaled, case_id: str = CELL) -> Measured:
    return Measured(case_id, tuple(tensors))


def found(*measured: Measured, cases: dict[str, Case] = CASES) -> list[str]:
    return list(problems(measured, cases))


def test_all_seen_is_no_problem() -> None:
    assert found(case_with(*scaled(*[2.0] * 20))) == []


@pytest.mark.parametrize(("unseen", "wrong"), [(1, False), (2, True)])
def test_a_case_must_see_four_fifths(unseen: int, wrong: bool) -> None:
    others = [case_with(*scaled(*[2.0] * 100), case_id=OTHER.replace("bf16", "f32"))]
    cases = {**CASES, others[0].case: CASES[OTHER]}
    case = case_with(*scaled(*[0.5] * unseen, *[2.0] * (5 - unseen)))
    wanted = [f"{CELL}: 3 of 5 scaled tensors are seen; expected 80% or more"] if wrong else []
    assert found(case, *others, cases=cases) == wanted


@pytest.mark.parametrize(("unseen", "wrong"), [(1, False), (2, True)])
def test_a_dtype_must_see_nineteen_of_twenty(unseen: int, wrong: bool) -> None:
    case = case_with(*scaled(*[0.5] * unseen, *[2.0] * (20 - unseen)))
    assert found(case) == (["f32: 18 of 20 scaled tensors are seen; expected 95% or more"] if wrong else [])


def test_either_check_sees_but_widened_must_see_by_itself_too() -> None:
    tensors = [Scaled(name, {"forward": 2.0, "widened": 0.5}) for name in "ab"]
    assert found(case_with(*tensors, case_id=OTHER)) == [
        "bf16: 0 of 2 scaled tensors are seen by widened; expected 95% or more"
    ]
    tensors = [Scaled(name, {"forward": 0.5, "widened": 2.0}) for name in "ab"]
    assert found(case_with(*tensors, case_id=OTHER)) == []


def test_what_is_indifferent_does_not_count_for_its_case_but_for_its_dtype() -> None:
    tensors = [*scaled(2.0, 2.0), Scaled("weight_hh", {"forward": 0.0})]
    assert found(case_with(*tensors)) == ["f32: 2 of 3 scaled tensors are seen; expected 95% or more"]


def test_what_is_seen_is_not_indifferent() -> None:
    assert found(case_with(Scaled("weight_hh", {"forward": 2.0}))) == [
        f"{CELL}: weight_hh is seen, but the case lists it as indifferent: take it out there"
    ]


def test_each_fault_of_a_step_must_be_seen() -> None:
    faults = [Fault("f32", "no step", "step.5.parameter.0", seen) for seen in [True] * 99 + [False]]
    assert found(Measured("optim/adam/f32", faults=tuple(faults))) == [
        "optim/adam/f32: step.5.parameter.0, no step, is not seen"
    ]


def test_python_must_be_within_the_bound() -> None:
    reached = [Reached("forward", "/third", SETTINGS[-1], part) for part in (0.99, 1.3)]
    assert found(Measured(CELL, reached=tuple(reached))) == [
        f"{CELL}: Python's forward is 1.3 of the bound (2 threads, oneDNN off, inputs '/third')"
    ]


@pytest.mark.parametrize(
    ("count", "share"), [(Count(2, 2), "2 of 2 (100.0 %)"), (Count(3001, 3000), "3000 of 3001 (99.9 %)")]
)
def test_only_all_are_a_hundred_percent(count: Count, share: str) -> None:
    assert count.share == share


def test_nothing_tried_is_not_nothing_seen() -> None:
    assert Count(0, 0).share == str(Count(0, 0)) == "-"
    assert not Count(0, 0).below(1)


def lines_of(*measured: Measured) -> Sequence[str]:
    return page(measured, CASES, 70, ENVIRONMENT, 12.3).splitlines()


def test_the_page_states_when_how_long_and_with_what() -> None:
    lines = lines_of(case_with(*scaled(2.0)))
    assert lines[0].startswith("`nox -s sensitivity` on 20")
    assert lines[0].endswith(", 12 minutes, 1 cases: all that")
    assert lines[1].startswith("compute in a default run. 70 of a full run ")
    assert lines[3] == "torch 2.13.0+cpu, Python 3.11.2, Linux."


def test_the_page_counts_by_dtype_and_check() -> None:
    tensors = [Scaled("a", {"forward": 0.5, "widened": 2.0}), Scaled("b", {"forward": 2.0, "widened": 2.0})]
    lines = lines_of(case_with(*tensors, case_id=OTHER), case_with(*scaled(2.0)))
    assert "| f32 | 1 | 1 of 1 (100.0 %) | - | 1 of 1 (100.0 %) |" in lines
    assert "| bf16 | 2 | 1 of 2 (50.0 %) | 2 of 2 (100.0 %) | 2 of 2 (100.0 %) |" in lines


def test_the_page_names_what_is_not_seen() -> None:
    tensors = [Scaled("a", {"forward": 0.51, "widened": 0.0}), Scaled("b", {"forward": 2.0, "widened": 2.0})]
    assert f"| {OTHER} | 1 of 2 | a (0.51, 0) |" in lines_of(case_with(*tensors, case_id=OTHER))


def test_the_page_has_the_reason_why_a_tensor_is_indifferent() -> None:
    lines = lines_of(case_with(Scaled("weight_hh", {"forward": 0.0})))
    assert f"| layer/rnncell/without-state | weight_hh | {CASES[CELL].why} |" in lines
    assert not any(line.startswith(f"| {CELL} ") for line in lines)


def test_the_page_counts_faults_and_the_most_that_python_reaches() -> None:
    faults = [Fault(dtype, "no step", "t", seen=True) for dtype in ("f32", "f32", "bf16")]
    reached = [Reached("step", "", SETTINGS[0], part) for part in (0.2, 0.314, 0.1)]
    lines = lines_of(Measured("optim/adam/f32", (), tuple(faults), tuple(reached)))
    assert "| no step | - | 2 of 2 | - | - | 1 of 1 |" in lines
    assert "| step | - | 0.31 | - | - | - |" in lines
