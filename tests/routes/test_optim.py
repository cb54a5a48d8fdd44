"""The optimizers' routes against the real peer, and against peers that lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_optimizer, encode_state_dict, read_optimizer
from tscompat.dotnet_side.process import PeerBroken, PeerKeeper
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS, within
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import Kind

CASES = load_catalogue()
CASE = CASES["optim/adam-groups/bf16"]
BOTH = pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])


class Changed:
    """The real peer, with something done to its files afterwards."""

    def __init__(self, keeper: PeerKeeper, change: Callable[[dict[str, Any]], object]) -> None:
        self.keeper, self.change = keeper, change

    def call(self, name: str, *seconds: float, **told: Any) -> dict[str, Any]:
        answer = self.keeper.call(name, *seconds, **told)
        self.change(told["training"])
        return answer


class Says:
    """A peer that does nothing and answers so."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors

    def call(self, name: str, *seconds: float, **told: Any) -> dict[str, Any]:
        return {"seconds": 0.0, "errors": self.errors}


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Job:
    entries = make(CASE)
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    return Job(CASE, "optimizer", "cpu", "cpu", entries, tmp_path / "expected.dat", tmp_path / "actual.dat", keeper)


def differing(job: Job, direction: str) -> dict[str, Kind]:
    """The checks that did not pass."""
    verdicts = ROUTES[job.route].directions[direction](job)
    return {check: verdicts[check].kind for check in CHECKS if verdicts[check].kind is not Kind.PASS}


@BOTH
@pytest.mark.parametrize("route", ["optimizer", "optimizer-writer"])
def test_the_real_peer_passes(job: Job, direction: str, route: str) -> None:
    job.route = route
    assert differing(job, direction) == {}


@BOTH
def test_a_peer_that_does_nothing_is_found_out(job: Job, direction: str) -> None:
    job.peer = Says({})
    with pytest.raises(FileNotFoundError):
        differing(job, direction)


@pytest.mark.parametrize(
    ("stage", "direction"), [("begin", PYTHON_TO_DOTNET), ("begin", DOTNET_TO_PYTHON), ("save", DOTNET_TO_PYTHON)]
)
def test_an_exception_refuses_what_comes_after_it(job: Job, stage: str, direction: str) -> None:
    job.peer = Says({stage: ["System.Exception", "no"]})
    assert differing(job, direction) == dict.fromkeys(CHECKS, Kind.REFUSED)


def test_a_file_saved_otherwise_than_memory_is_a_difference_of_bytes(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        write_whole(told["save"], encode_optimizer(record._replace(states=record.states[::-1])))

    job.peer = Changed(job.peer, change)
    assert differing(job, PYTHON_TO_DOTNET) == {"bytes": Kind.BYTES}


def test_an_unreadable_file_is_a_difference_of_bytes(job: Job) -> None:
    job.peer = Changed(job.peer, lambda told: Path(told["save"]).write_bytes(b"\xff"))
    assert differing(job, DOTNET_TO_PYTHON) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_a_state_that_is_not_what_the_file_says_is_a_difference_of_bits(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        write_whole(told["memory"][0], encode_optimizer(record._replace(states=record.states[::-1])))

    job.peer = Changed(job.peer, change)
    assert differing(job, PYTHON_TO_DOTNET) == {"bits": Kind.NAMES}


def test_an_option_that_is_not_what_the_file_says_is_a_difference_of_options(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        write_whole(
            told["memory"][0],
            encode_optimizer(record._replace(groups=[{**options, "eps": 0.5} for options in record.groups])),
        )

    job.peer = Changed(job.peer, change)
    assert differing(job, PYTHON_TO_DOTNET) == {"options": Kind.BITS}


def test_an_option_that_dotnet_does_not_keep_is_a_difference_of_options(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        other = record._replace(groups=[{**options, "initial_lr": 0.5} for options in record.groups])
        for path in (told["memory"][0], told["save"]):
            write_whole(path, encode_optimizer(other))

    job.peer = Changed(job.peer, change)
    assert differing(job, DOTNET_TO_PYTHON) == {"options": Kind.BITS}


@BOTH
def test_parameters_that_did_not_move_are_a_difference_of_the_step(job: Job, direction: str) -> None:
    job.peer = Changed(job.peer, lambda told: shutil.copyfile(*told["parameters"]))
    assert differing(job, direction) == {"step": Kind.BITS}


@BOTH
def test_a_step_that_was_not_counted_is_a_difference_of_the_count(job: Job, direction: str) -> None:
    job.peer = Changed(job.peer, lambda told: shutil.copyfile(*told["memory"]))
    assert differing(job, direction) == {"count": Kind.BITS}


def of(bits: int) -> list[Entry]:
    return [Entry("parameter.0", Tensor(BY_NAME["bf16"], (1,), bits.to_bytes(2, "little")))]


@pytest.mark.parametrize(("bits", "kind"), [(0x3F82, Kind.PASS), (0x3F83, Kind.BITS)], ids=["within", "beyond"])
def test_two_ulp_are_allowed_in_bfloat16(bits: int, kind: Kind) -> None:
    assert within(of(0x3F80), of(bits)).kind is kind


def test_a_parameter_that_is_missing_is_a_difference_of_names() -> None:
    assert within(of(0), []).kind is Kind.NAMES


def test_sgd_counts_no_steps() -> None:
    assert "count" not in ROUTES["optimizer"].checks(CASES["optim/sgd/f32"], PYTHON_TO_DOTNET)


def test_a_dispose_scope_is_dotnets_alone() -> None:
    assert ROUTES["optimizer"].checks(CASES["optim/sgd-scoped/f32"], DOTNET_TO_PYTHON) == ()


def test_a_training_is_refused_where_the_peer_does_not_know_its_optimizer(job: Job) -> None:
    told = {"optimizer": "LBFGS", "groups": [], "before": [], "load": "", "target": "fresh"}
    with pytest.raises(PeerBroken, match="unknown optimizer 'LBFGS'; this peer knows SGD, "):
        job.ask("train", "cpu", training={**told, "save": "", "after": 0, "memory": [], "parameters": []})


def test_a_call_without_a_training_is_refused(job: Job) -> None:
    with pytest.raises(PeerBroken, match="this call needs a training"):
        job.ask("train", "cpu")
