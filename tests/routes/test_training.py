"""The route of training: its verdicts of what a peer computes, by doubles of the peer, and by the real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from doubles import MakeJob, changing, kinds, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import CatalogueError, load_catalogue, make_batches
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import NativeModule, Thrown, Train
from tscompat.python_side import torch_tensors
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
    def rewritten(call: Train) -> None:
        write_whole(call.outputs, encode_state_dict(change(read_state_dict(call.outputs))))

    found = kinds(changing(make_job(CASE, "training"), rewritten), "training", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == fails


def test_all_of_the_training_is_in_the_call(make_job: MakeJob) -> None:
    peer = HonestPeer(load_catalogue()[CASE].subject)
    job = make_job(CASE, "training", peer)
    kinds(job, "training", PYTHON_TO_DOTNET)
    options = {"initial_lr": 2**-7, "lr": 2**-7, "alpha": 0.875, "momentum": 0.5, "eps": 1e-8, "weight_decay": 0.0}
    assert peer.calls == [
        Train(
            expected=str(job.expected_file),
            module=NativeModule("arch", "mlp", "f32"),
            batches=str(job.inputs),
            optimizer="RMSProp",
            options=options | {"centered": False, "maximize": False},
            loss="mse_loss",
            steps=20,
            outputs=str(job.outputs),
            device="cpu",
            run=None,
        )
    ]


def test_the_batches_are_the_case_s(make_job: MakeJob) -> None:
    job = make_job(CASE, "training")
    transfer(job, "training", PYTHON_TO_DOTNET)
    model = job.subject
    assert model.training
    assert digest(read_state_dict(job.inputs)) == digest(make_batches(CASE, model, model.training))


def test_a_difference_is_one_after_steps(make_job: MakeJob) -> None:
    def rewritten(call: Train) -> None:
        write_whole(call.outputs, encode_state_dict(times("loss.0", 1.5)(read_state_dict(call.outputs))))

    found = transfer(changing(make_job(CASE, "training"), rewritten), "training", PYTHON_TO_DOTNET)
    assert found.verdicts["losses"].detail.startswith("after steps, 'loss.0' (f32) at []: .NET has ")
    assert found.artifact == make_job(CASE, "training").outputs


def test_a_refusal_gives_the_results_as_the_artifact(make_job: MakeJob) -> None:
    job = with_peer(make_job(CASE, "training"), lambda call: Thrown("System.Exception", "no"))
    assert transfer(job, "training", PYTHON_TO_DOTNET).artifact == job.outputs


def test_what_torchsharp_throws_is_the_verdict_of_both_checks(make_job: MakeJob) -> None:
    job = with_peer(make_job(CASE, "training"), lambda call: Thrown("System.Exception", "no"))
    assert kinds(job, "training", PYTHON_TO_DOTNET) == dict.fromkeys(("losses", "parameters"), Kind.REFUSED)


def test_torchsharp_trains_as_pytorch_does(real_job: MakeJob) -> None:
    found = kinds(real_job(CASE, "training"), "training", PYTHON_TO_DOTNET)
    assert found == dict.fromkeys(("losses", "parameters"), Kind.PASS)


def test_a_case_without_training_is_a_fault_of_the_catalogue() -> None:
    with pytest.raises(CatalogueError, match="arch/mlp/f32: the route training needs a case with the key training"):
        ROUTES["training"].checks_of(load_catalogue()["arch/mlp/f32"], PYTHON_TO_DOTNET)
