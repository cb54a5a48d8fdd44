"""The optimizers' routes against the real peer, and against peers that lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import read_optimizer, write_optimizer
from tscompat.peer.process import PeerBroken, PeerKeeper
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.verdict import Kind

CASE = load_catalogue()["optim/adam-groups/bf16"]
BOTH = pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])


class Changed:
    """The real peer, with something done to its files afterwards."""

    def __init__(self, keeper: PeerKeeper, change: Callable[[dict[str, Any]], None]) -> None:
        self.keeper, self.change = keeper, change

    def call(self, name: str, **told: Any) -> dict[str, Any]:
        answer = self.keeper.call(name, **told)
        self.change(told)
        return answer


class Says:
    """A peer that does nothing and answers so."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors

    def call(self, name: str, **told: Any) -> dict[str, Any]:
        return {"seconds": 0.0, "errors": self.errors}


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Job:
    return Job(CASE, "optimizer", "cpu", "cpu", make(CASE), tmp_path / "none.dat", tmp_path / "actual.dat", keeper)


def kinds(job: Job, direction: str) -> list[Kind]:
    verdicts = ROUTES[job.route].directions[direction](job)
    return [verdicts[check].kind for check in CHECKS]


@BOTH
@pytest.mark.parametrize("route", ["optimizer", "optimizer-writer"])
def test_the_real_peer_passes(job: Job, direction: str, route: str) -> None:
    job.route = route
    assert kinds(job, direction) == [Kind.PASS] * 3


@BOTH
def test_a_peer_that_does_nothing_is_found_out(job: Job, direction: str) -> None:
    job.peer = Says({})
    with pytest.raises(FileNotFoundError):
        kinds(job, direction)


@pytest.mark.parametrize(
    ("stage", "direction", "due"),
    [
        ("load", PYTHON_TO_DOTNET, [Kind.REFUSED] * 3),
        ("load", DOTNET_TO_PYTHON, [Kind.REFUSED] * 3),
        ("save", DOTNET_TO_PYTHON, [Kind.REFUSED] * 3),
    ],
)
def test_an_exception_refuses_what_comes_after_it(job: Job, stage: str, direction: str, due: list[Kind]) -> None:
    job.peer = Says({stage: ["System.Exception", "no"]})
    assert kinds(job, direction) == due


def test_a_file_saved_otherwise_than_memory_is_a_difference_of_bytes(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        write_optimizer(told["save"], record._replace(groups=[{**options, "eps": 0.5} for options in record.groups]))

    job.peer = Changed(job.peer, change)
    assert kinds(job, DOTNET_TO_PYTHON)[:2] == [Kind.BYTES, Kind.BITS]


def test_an_unreadable_file_is_a_difference_of_bytes(job: Job) -> None:
    job.peer = Changed(job.peer, lambda told: Path(told["save"]).write_bytes(b"\xff"))
    assert kinds(job, DOTNET_TO_PYTHON) == [Kind.BYTES] * 3


def test_memory_that_is_not_what_the_file_says_is_a_difference(job: Job) -> None:
    def change(told: dict[str, Any]) -> None:
        record = read_optimizer(told["memory"][0])
        write_optimizer(told["memory"][0], record._replace(states=record.states[::-1]))

    job.peer = Changed(job.peer, change)
    assert kinds(job, PYTHON_TO_DOTNET) == [Kind.PASS, Kind.NAMES, Kind.PASS]


@BOTH
def test_parameters_that_did_not_move_are_a_difference_of_the_step(job: Job, direction: str) -> None:
    job.peer = Changed(job.peer, lambda told: shutil.copyfile(*told["parameters"]))
    assert kinds(job, direction) == [Kind.PASS, Kind.PASS, Kind.BITS]


@BOTH
def test_a_step_that_was_not_counted_is_a_difference_of_the_step(job: Job, direction: str) -> None:
    job.peer = Changed(job.peer, lambda told: shutil.copyfile(*told["memory"]))
    assert kinds(job, direction) == [Kind.PASS, Kind.PASS, Kind.BITS]


def test_a_description_with_a_part_too_few_is_refused(keeper: PeerKeeper) -> None:
    with pytest.raises(PeerBroken, match="the call train takes exactly"):
        keeper.call("train", optimizer="Adam")
