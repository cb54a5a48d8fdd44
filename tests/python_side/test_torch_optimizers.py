"""Torch's optimizers to records and back: nothing is lost, and what TorchSharp cannot hold is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from subjects import subjects
from tscompat.catalogue import OptimizerCase, make
from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS, flat_options, flat_states
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.python_side.torch_optimizers import initial_state, name_in_torch, options_of, record_of, saved_of
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor

CASES = subjects(OptimizerCase)
F32 = {case_id: case for case_id, case in CASES.items() if case_id.rsplit("/", 1)[1] in ("f32", "mixed", "c64")}


def flatten(record: OptimizerRecord) -> StateDict:
    return [*flat_options(record), *flat_states(record)]


def bits(case_id: str) -> StateDict:
    return make(case_id, CASES[case_id].specs)


def trained(case_id: str) -> OptimizerRun:
    run = OptimizerRun(CASES[case_id], bits(case_id))
    for number in range(CASES[case_id].steps):
        run.step(number)
    return run


def stepped(kind: type[torch.optim.Optimizer], **options: Any) -> tuple[torch.optim.Optimizer, torch.Tensor]:
    parameter = torch.ones(3, requires_grad=True)
    parameter.grad = torch.full((3,), 0.5)
    optimizer = kind([parameter], **options)
    optimizer.step()
    return optimizer, parameter


@pytest.mark.parametrize("case_id", F32)
def test_a_record_that_torch_has_loaded_comes_back_as_it_was(case_id: str) -> None:
    record = trained(case_id).record()
    other = OptimizerRun(CASES[case_id], bits(case_id))
    other.load(saved_of(record, other.sizes))
    assert compare(flatten(record), flatten(other.record())) == []


@pytest.mark.parametrize("case_id", F32)
def test_a_step_after_loading_is_the_step_of_the_one_that_was_never_saved(case_id: str) -> None:
    run = trained(case_id)
    now = [*run.parameters(), *bits(case_id)[len(run.record().states) :]]
    other = OptimizerRun(CASES[case_id], now)
    other.load(saved_of(run.record(), other.sizes))
    for each in (run, other):
        each.step(CASES[case_id].steps)
    assert compare(run.parameters(), other.parameters()) == []


def test_all_optimizers_of_torchsharp_are_among_the_cases() -> None:
    assert {trained(case_id).record().name for case_id in F32} == LAYOUTS.keys()


def test_two_pairs_of_options_in_torch_are_four_options_in_torchsharp() -> None:
    optimizer, parameter = stepped(torch.optim.Rprop, etas=(0.25, 2.0), step_sizes=(0.125, 8.0))
    options = record_of("Rprop", optimizer.state_dict(), [parameter]).groups[0]
    assert [options[name] for name in ("etaminus", "etaplus", "min_step", "max_step")] == [0.25, 2.0, 0.125, 8.0]


def test_the_rate_before_the_scheduler_is_kept() -> None:
    optimizer, parameter = stepped(torch.optim.SGD, lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    options = record_of("SGD", optimizer.state_dict(), [parameter]).groups[0]
    assert (options["initial_lr"], options["lr"]) == (0.5, 0.25)


def test_a_rate_that_is_a_tensor_is_its_value() -> None:
    optimizer, parameter = stepped(torch.optim.Adam, lr=torch.tensor(0.5))
    assert record_of("Adam", optimizer.state_dict(), [parameter]).groups[0]["lr"] == 0.5


def test_no_scheduler_is_made_up() -> None:
    optimizer, parameter = stepped(torch.optim.SGD, lr=0.5)
    saved = optimizer.state_dict()
    assert "initial_lr" not in saved_of(record_of("SGD", saved, [parameter]), [1])["param_groups"][0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.NAdam, {"decoupled_weight_decay": True}),
        (torch.optim.RAdam, {"decoupled_weight_decay": True}),
        (torch.optim.NAdam, {"maximize": True}),
        (torch.optim.RAdam, {"maximize": True}),
        (torch.optim.Adamax, {"maximize": True}),
        (torch.optim.Adagrad, {"maximize": True}),
        (torch.optim.Adam, {"decoupled_weight_decay": True}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else next(iter(value)),
)
def test_an_option_that_torchsharp_lacks_is_refused(
    kind: type[torch.optim.Optimizer], options: dict[str, bool]
) -> None:
    optimizer, parameter = stepped(kind, **options)
    with pytest.raises(ValueError, match=f"TorchSharp's {kind.__name__} has no {next(iter(options))}, and it is True"):
        record_of(kind.__name__, optimizer.state_dict(), [parameter])


@pytest.mark.parametrize(
    ("name", "field", "start"),
    [("Rprop", "step_size", 0.5), ("Adagrad", "sum", 0.25), ("Adam", "exp_avg", 0.0)],
)
def test_a_parameter_that_was_never_stepped_has_the_state_it_starts_from(name: str, field: str, start: float) -> None:
    options = {"initial_accumulator_value": 0.25} if name == "Adagrad" else {}
    parameter = torch.ones(2)
    saved = getattr(torch.optim, name)([parameter], lr=0.5, **options).state_dict()
    saved["state"].clear()
    state = record_of(name, saved, [parameter]).states[0]
    assert state["step"] == 0
    tensor = state[field]
    assert isinstance(tensor, Tensor)
    assert bytes(memoryview(tensor.data).cast("B")) == torch.full((2,), start).numpy().tobytes()


def test_the_shape_of_a_parameter_that_was_never_stepped_must_be_given() -> None:
    saved = torch.optim.Adam([torch.ones(2, requires_grad=True)]).state_dict()
    with pytest.raises(ValueError, match=r"parameter 0 was never stepped, .* give the parameter"):
        record_of("Adam", saved)


def test_a_state_without_tensors_needs_no_shape() -> None:
    saved = torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.5).state_dict()
    assert record_of("SGD", saved).states == [{"momentum_buffer": None}]


def test_a_class_that_torchsharp_cannot_save_is_refused() -> None:
    with pytest.raises(ValueError, match=r"saves no optimizer 'LBFGS'; expected one of SGD, .*, RMSprop, "):
        record_of("LBFGS", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ema": torch.ones(3)}, "parameter 0: TorchSharp's Adam keeps no ema"),
        ({"exp_avg": None}, "parameter 0: its state has no exp_avg"),
        ({"exp_avg": 0.5}, "expected a tensor, found float"),
    ],
    ids=["too-much", "too-little", "of-another-kind"],
)
def test_a_state_of_another_class_is_refused(change: dict[str, Any], message: str) -> None:
    optimizer, parameter = stepped(torch.optim.Adam)
    saved = optimizer.state_dict()
    saved["state"][0].update(change)
    with pytest.raises(ValueError, match=message):
        record_of("Adam", saved, [parameter])


def test_a_missing_option_is_refused() -> None:
    optimizer, parameter = stepped(torch.optim.Adam)
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["eps"]
    with pytest.raises(ValueError, match="group 0: it has no eps"):
        record_of("Adam", saved, [parameter])


def test_a_state_of_no_parameter_is_refused() -> None:
    optimizer, parameter = stepped(torch.optim.Adam)
    saved = optimizer.state_dict()
    saved["state"]["more"] = saved["state"][0]
    with pytest.raises(ValueError, match="1 states are of no parameter"):
        record_of("Adam", saved, [parameter])


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_not_in_the_file_has_torchs_default(name: str) -> None:
    kind = getattr(torch.optim, name_in_torch(name))
    saved = kind([torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)], lr=0.5).state_dict()
    record = record_of(name_in_torch(name), saved, [torch.ones(3), torch.ones(2)])
    assert saved_of(record, [2])["param_groups"] == saved["param_groups"]


@pytest.mark.parametrize("sizes", [[1, 1], [2], []])
def test_groups_of_other_sizes_are_refused(sizes: list[int]) -> None:
    optimizer, parameter = stepped(torch.optim.SGD)
    with pytest.raises(ValueError, match="the record has 1 parameter groups and 1 parameters; expected groups of"):
        saved_of(record_of("SGD", optimizer.state_dict(), [parameter]), sizes)


def test_options_have_torchsharps_names_and_are_no_more_than_the_group_has() -> None:
    assert options_of("Adam", {"lr": 1, "betas": (0.5, 2), "amsgrad": 1}) == {
        **{"initial_lr": 1.0, "lr": 1.0, "beta1": 0.5, "beta2": 2.0},
        "amsgrad": True,
    }
    assert options_of("Adam", {}) == {}
    assert options_of("SGD", {"surprise": 3}) == {"surprise": 3}


BEFORE = [each for each in F32 if "-before/" in each and "/adagrad-" not in each]
"""Cases without a step. Before one Adagrad has a state; torch makes it otherwise (pytorch-one-initial-accumulator)."""


@pytest.mark.parametrize("case_id", BEFORE)
def test_the_first_state_is_that_of_a_parameter_that_was_never_stepped(case_id: str) -> None:
    record = trained(case_id).record()
    states = [
        initial_state(CASES[case_id].optimizer, record.groups[0], BY_NAME["f32"], shape) for shape in ((4, 3), (5,))
    ]
    assert compare(flat_states(record), flat_states(record._replace(states=states))) == []
