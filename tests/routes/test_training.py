"""The route of training: its verdicts of what a peer computes, by doubles of the peer, and by the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob, kinds, with_peer
from tscompat.catalogue import CatalogueError, load_catalogue, make_batches
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.messages import AnyCall, Done, Train
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import training_steps
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind

CASE = "training/mlp/f32"
NONE, LOSS, PARAMETER = set[str](), {"losses"}, {"parameters"}
Change = Callable[[StateDict], StateDict]


def times(name: str, factor: float) -> Change:
    """Scales one result."""

    def change(results: StateDict) -> StateDict:
        return [
            torch_tensors.export({each: factor * torch_tensors.to_torch(tensor)})[0]
            if each == name
            else Entry(each, tensor)
            for each, tensor in results
        ]

    return change


def without(name: str) -> Change:
    return lambda results: [entry for entry in results if entry.name != name]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (times("loss.19", 1), NONE),
        (times("loss.19", 1 + 2**-23), NONE),
        (times("loss.0", 1 + 1e-4), LOSS),
        (times("loss.19", 1 + 1e-4), LOSS),
        (times("step.0.hidden1.bias", 1 + 1e-4), PARAMETER),
        (times("step.19.output.weight", 1 + 1e-4), PARAMETER),
        (without("loss.3"), LOSS),
        (without("step.3.output.bias"), PARAMETER),
    ],
    ids=["same", "rounded", "first-loss", "last-loss", "first-step", "last-step", "loss-lost", "parameter-lost"],
)
def test_each_check_sees_its_own_difference(make_job: MakeJob, change: Change, fails: set[str]) -> None:
    job = make_job(CASE, "training")
    subject: Any = job.subject

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Train)
        batches = make_batches(job.case.id, subject, subject.training)
        found = training_steps.trained(subject, subject.training, job.entries, batches, subject.dtype)
        write_whole(Path(call.outputs), encode_state_dict(change(found)))
        return Done()

    found = kinds(with_peer(job, answer), "training", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == fails


def test_the_call_has_every_option_of_the_optimizer(make_job: MakeJob) -> None:
    calls: list[Train] = []

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Train)
        calls.append(call)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kinds(with_peer(make_job(CASE, "training"), answer), "training", PYTHON_TO_DOTNET)
    options = {"initial_lr": 2**-7, "lr": 2**-7, "alpha": 0.875, "momentum": 0.5, "eps": 1e-8, "weight_decay": 0.0}
    assert calls[0].options == options | {"centered": False, "maximize": False}


def test_torchsharp_trains_as_pytorch_does(make_job: MakeJob) -> None:
    found = kinds(make_job(CASE, "training"), "training", PYTHON_TO_DOTNET)
    assert found == dict.fromkeys(("losses", "parameters"), Kind.PASS)


def test_a_case_without_training_is_a_fault_of_the_catalogue() -> None:
    with pytest.raises(CatalogueError, match="arch/mlp/f32: the route training needs a case with the key training"):
        ROUTES["training"].checks_of(load_catalogue()["arch/mlp/f32"], PYTHON_TO_DOTNET)
