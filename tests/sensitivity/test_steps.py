"""No case of an optimizer lets a wrong step or a wrong state pass, and what Python computes is within the bounds."""

from __future__ import annotations

import pytest

from sensitivity.measured import SEEDS, Fault
from sensitivity.steps import STEPS, reached, seen
from subjects import subjects
from tscompat.catalogue import OptimizerCase, load_catalogue

CASES = {case_id: load_catalogue()[case_id] for case_id in subjects(OptimizerCase)}


@pytest.mark.parametrize("case_id", CASES)
def test_every_fault_is_seen(case_id: str) -> None:
    faults = list(seen(CASES[case_id]))
    assert [fault for fault in faults if not fault.seen] == []


@pytest.mark.parametrize("case_id", CASES)
def test_python_is_within_the_bound(case_id: str) -> None:
    assert [each for each in reached(CASES[case_id], SEEDS[:1]) if each.part > 1] == []


def test_each_parameter_and_each_state_has_its_faults() -> None:
    faults = list(seen(CASES["optim/adam-never-stepped/f32"]))
    states = [f"state.0.{name}" for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")]
    assert faults == [
        *(Fault("f32", fault, "step.5.parameter.0", seen=True) for fault in STEPS),
        *(Fault("f32", fault, name, seen=True) for name in states for fault in ("the complement", "scaled")),
    ]
