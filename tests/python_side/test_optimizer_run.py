"""The optimizers of cases in torch, and what they would compute without rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from subjects import subjects
from tscompat.catalogue import OptimizerCase, make
from tscompat.codec.optimizer import flat_states
from tscompat.python_side.optimizer_run import OptimizerRun, Start, counts, reference, results, states
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict, as_float64

CASES = subjects(OptimizerCase)


def begun(case_id: str) -> tuple[Start, range]:
    """Where the steps after loading start, and their numbers."""
    case, given = CASES[case_id], make(case_id, CASES[case_id].specs)
    run = OptimizerRun(case, given)
    run.steps(range(case.steps))
    start = Start(case, [*run.parameters(), *given[len(run.parameters()) :]], run.record())
    return start, range(case.steps, case.steps + case.after)


def names(entries: StateDict) -> list[str]:
    return [name for name, _ in entries]


def test_results_are_the_parameters_after_each_step_and_the_states_after_the_last() -> None:
    start, numbers = begun("optim/sgd-momentum/f32")
    found = results(start, numbers)
    steps = [f"step.{step}.parameter.{number}" for step in numbers for number in range(2)]
    rest = ["parameter.0", "parameter.1", "state.0.momentum_buffer", "state.1.momentum_buffer"]
    assert names(found) == [*steps, *rest]
    there = dict(found)
    assert np.array_equal(as_float64(there["step.5.parameter.0"]), as_float64(there["parameter.0"]))


@pytest.mark.parametrize("case_id", ["optim/nadam/f16", "optim/asgd-averaging/f64", "optim/adam-channels-last/f32"])
def test_steps_from_a_start_are_those_of_the_one_that_was_never_saved(case_id: str) -> None:
    case = CASES[case_id]
    whole = OptimizerRun(case, make(case_id, case.specs))
    whole.steps(range(case.steps + case.after))
    found = results(*begun(case_id))
    expected = [*whole.parameters(), *flat_states(whole.record())]
    assert compare(expected, [entry for entry in found if not entry.name.startswith("step.")]) == []


def test_a_record_stays_as_it_is_when_the_optimizer_goes_on() -> None:
    case_id = "optim/adam/f32"
    run = OptimizerRun(CASES[case_id], make(case_id, CASES[case_id].specs))
    run.step(0)
    record = run.record()
    before = as_float64(dict(flat_states(record))["state.0.exp_avg"]).copy()
    run.step(1)
    assert np.array_equal(as_float64(dict(flat_states(record))["state.0.exp_avg"]), before)


def test_counts_are_apart_from_the_other_states() -> None:
    start, _ = begun("optim/nadam/f32")
    assert start.record is not None
    assert names(counts(start.record)) == ["state.0.step", "state.1.step"]
    assert sorted(names(states(start.record)) + names(counts(start.record))) == sorted(names(flat_states(start.record)))


def test_the_reference_is_the_computation_in_float64() -> None:
    start, numbers = begun("optim/adam-decay/bf16")
    found = reference(start, numbers)
    exact = found["step.5.parameter.0"].exact
    rounded = as_float64(dict(results(start, numbers))["step.5.parameter.0"])
    assert 0 < np.abs(exact - rounded).max() < 0.02
    assert (exact.astype(np.float32) != exact).all()  # it is rounded nowhere


def test_each_parameter_has_the_rounding_of_its_own_dtype() -> None:
    found = reference(*begun("optim/sgd-dtypes/mixed"))
    sizes = [found[f"parameter.{number}"].deviation.mean() for number in range(3)]
    assert sizes == pytest.approx([2.0**-24 * 0.4, 2.0**-8 * 0.4, 2.0**-53 * 0.4], rel=3)
    assert sizes[1] > 1e4 * sizes[0] > 1e12 * sizes[2]


def test_a_parameter_without_a_gradient_must_be_exact() -> None:
    found = reference(*begun("optim/adam-never-stepped/bf16"))
    assert found["step.5.parameter.0"].deviation.all()
    assert not found["step.5.parameter.1"].deviation.any()


def test_numbers_that_torch_keeps_in_float32_have_its_rounding_and_counts_none() -> None:
    found = reference(*begun("optim/nadam/bf16"))
    number = found["state.0.mu_product"]
    assert number.deviation / number.exact == pytest.approx(0.416 * 2.0**-24, rel=0.01)
    assert "state.0.step" not in found


def test_a_start_may_be_faulty() -> None:
    start, numbers = begun("optim/radam-rectified/f32")
    right, wrong = (reference(each, numbers)["parameter.0"] for each in (start, replace(start, faulty=True)))
    assert np.abs(right.exact - wrong.exact).max() > 0.01


def test_a_state_that_is_not_of_the_case_has_no_effect() -> None:
    start, numbers = begun("optim/adam/f32")
    assert start.record is not None
    odd = [*({**state, "ema": torch.ones(2)} for state in start.record.states), {"step": 1}]
    found = results(replace(start, record=start.record._replace(states=odd)), numbers)  # pyright: ignore
    assert compare(results(start, numbers), found) == []
