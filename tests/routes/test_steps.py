"""What steps have led to is judged within rounding, and a known fault by its counterpart; .NET does not run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from subjects import subject
from tscompat.catalogue import OptimizerCase, make
from tscompat.python_side import torch_tensors
from tscompat.python_side.optimizer_run import Start, results
from tscompat.routes.predictions import STEPS
from tscompat.routes.steps import Steps
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import PASS, Kind

CASE = "optim/rmsprop-before/bf16"


def at(case_id: str) -> Start:
    case = subject(case_id, OptimizerCase)
    return Start(case, make(case_id, case.specs))


def judged(case_id: str, found: StateDict) -> tuple[Kind, bool]:
    """The kind of the verdict, and whether the counterpart predicts what was found."""
    start = at(case_id)
    numbers = range(start.case.after)
    verdict = Steps(start, replace(start, faulty=True), numbers).judge(results(start, numbers), found)
    predicted = verdict.as_predicted
    return verdict.kind, predicted is not None and predicted([STEPS])


def made(case_id: str, *, faulty: bool = False) -> StateDict:
    start = at(case_id)
    return results(replace(start, faulty=faulty), range(start.case.after))


def test_equal_results_need_no_reference() -> None:
    start = at(CASE)
    assert Steps(start, start, range(99)).judge(made(CASE), made(CASE)) == PASS


def test_results_of_another_order_of_operations_pass() -> None:
    """The counterpart of RMSprop has no fault here, and other operations."""
    assert judged("optim/rmsprop-before/f32", made("optim/rmsprop-before/f32", faulty=True)) == (Kind.PASS, False)


@pytest.mark.parametrize("case_id", ["optim/sgd-maximize-decay/bf16", "optim/adadelta-decay/f32", "optim/rmsprop/f32"])
def test_a_fault_is_what_its_counterpart_computes(case_id: str) -> None:
    kind, predicted = judged(case_id, made(case_id, faulty=True))
    assert kind is not Kind.PASS
    assert predicted


@pytest.mark.parametrize("missing", ["state.0.grad_avg", "step.0.parameter.0", "state.0.step"])
def test_what_the_counterpart_has_and_dotnet_lacks_is_not_predicted(missing: str) -> None:
    found = [entry for entry in made("optim/rmsprop/f32", faulty=True) if entry.name != missing]
    assert judged("optim/rmsprop/f32", found) == (Kind.NAMES, False)


def test_a_dotnet_without_any_state_is_not_predicted() -> None:
    case_id = "optim/sgd-maximize-momentum/f32"
    start = at(case_id)
    states = [entry for entry in made(case_id) if entry.name.startswith("state.")]
    verdict = Steps(start, replace(start, faulty=True), range(3)).judge(states, [])
    assert verdict.as_predicted is not None
    assert not verdict.as_predicted([STEPS])


def test_what_the_counterpart_lacks_is_not_predicted() -> None:
    found = made("optim/rmsprop/f32", faulty=True)
    assert judged("optim/rmsprop/f32", [*found, Entry("state.9.ema", found[0].tensor)]) == (Kind.NAMES, False)


def test_another_fault_is_not_this_one() -> None:
    start = at("optim/sgd-maximize-decay/bf16")
    steps = Steps(start, replace(start, faulty=True), range(3))
    verdict = steps.judge(made("optim/sgd-maximize-decay/bf16"), made("optim/sgd-maximize-decay/bf16", faulty=True))
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted(each) for each in ([STEPS], [], [STEPS, STEPS], ["kept"])] == [True, *[False] * 3]


def test_what_is_not_compared_here_is_not_predicted_here() -> None:
    """The check of states gets states alone."""
    case_id = "optim/sgd-maximize-momentum/f32"
    start = at(case_id)
    ours, theirs = (
        [entry for entry in made(case_id, faulty=faulty) if entry.name.startswith("state.")] for faulty in (False, True)
    )
    verdict = Steps(start, replace(start, faulty=True), range(3)).judge(ours, theirs)
    assert verdict.as_predicted is not None
    assert verdict.as_predicted([STEPS])


def test_a_difference_states_that_it_is_one_after_steps() -> None:
    start = at("optim/sgd-maximize-decay/f32")
    steps = Steps(start, replace(start, faulty=True), range(3))
    verdict = steps.judge(made("optim/sgd-maximize-decay/f32"), made("optim/sgd-maximize-decay/f32", faulty=True))
    assert verdict.detail.startswith("after steps, 'step.")


def test_what_rounding_makes_of_a_fault_is_predicted_too() -> None:
    case_id = "optim/sgd-maximize-decay/f32"
    (name, tensor), *others = made(case_id, faulty=True)
    numbers = torch_tensors.to_torch(tensor)
    numbers.view(-1)[0] *= 1 + 2**-23
    assert judged(case_id, [Entry(name, torch_tensors.from_torch(numbers)), *others]) == (Kind.BITS, True)


@pytest.mark.parametrize(("case_id", "counts"), [("optim/adadelta-decay/f32", True), ("optim/rmsprop/f32", False)])
def test_counts_are_compared_without_the_states_and_states_without_the_counts(case_id: str, counts: bool) -> None:
    """TorchSharp's Adadelta counts no steps."""
    start = at(case_id)
    ours, theirs = (
        [
            entry
            for entry in made(case_id, faulty=faulty)
            if entry.name.startswith("state.") and entry.name.endswith(".step") == counts
        ]
        for faulty in (False, True)
    )
    verdict = Steps(start, replace(start, faulty=True), range(start.case.after)).judge(ours, theirs)
    assert verdict.as_predicted is not None
    assert verdict.as_predicted([STEPS])
