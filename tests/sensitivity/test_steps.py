"""No case of an optimizer lets a wrong step or a wrong state pass, and what Python computes is within the bounds."""

from __future__ import annotations

import pytest

from sensitivity.steps import STEPS, computed, seen
from subjects import subjects
from tscompat.catalogue import OptimizerCase, load_catalogue
from tscompat.python_side.optimizer_run import reference
from tscompat.routes.agreement import within_rounding
from tscompat.values.verdict import Kind

CASES = {case_id: load_catalogue()[case_id] for case_id in subjects(OptimizerCase)}


@pytest.mark.parametrize("case_id", CASES)
def test_every_fault_is_seen(case_id: str) -> None:
    faults = list(seen(CASES[case_id]))
    assert [fault for fault in faults if not fault.seen] == []


@pytest.mark.parametrize("case_id", CASES)
def test_python_is_within_the_bound(case_id: str) -> None:
    start, numbers, right = computed(CASES[case_id])
    found = [entry for entry in right if not entry.name.endswith(".step")]
    assert within_rounding(found, found, reference(start, numbers), "").kind is Kind.PASS


def test_each_parameter_and_each_state_has_its_faults() -> None:
    faults = [each.fault for each in seen(CASES["optim/adam-never-stepped/f32"])]
    states = [f"state.0.{name}" for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")]
    assert faults == [
        *(f"step.5.parameter.0: {fault}" for fault in STEPS),
        *(f"{name}: {fault}" for name in states for fault in ("the complement", "times 1.0001")),
    ]
