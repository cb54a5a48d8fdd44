"""The optimizers' routes by Python's own writers: PyBridge on the real peer, and doubles of upstream's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_optimizer, encode_state_dict
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.python_side.torch_optimizers import record_of
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

CASES = load_catalogue()
CASE = CASES["optim/adam-groups/bf16"]
Carry = Callable[..., Mapping[str, Verdict]]


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Job:
    entries = make(CASE)
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    expected_file, artifact = tmp_path / "expected.dat", tmp_path / "actual.dat"
    return Job(CASE, "pybridge-optimizer", "cpu", "cpu", entries, expected_file, artifact, keeper)


@pytest.fixture
def export(job: Job) -> Carry:
    """Carries the case with this function as the script's."""

    def export(function: Callable[[Any, Any], object]) -> Mapping[str, Verdict]:
        module: Any = SimpleNamespace(save_adam=function)
        job.route, job.script = "exportsd-optimizer", Script(job.artifact, "", module)
        return ROUTES[job.route].directions[PYTHON_TO_DOTNET](job)

    return export


def encoded(optimizer: Any) -> bytearray:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    pieces = encode_optimizer(record_of("Adam", optimizer.state_dict(), parameters))
    return bytearray(b"".join(bytes(memoryview(piece)) for piece in pieces))


def kinds(verdicts: Mapping[str, Verdict]) -> dict[str, Kind]:
    return {check: verdict.kind for check, verdict in verdicts.items()}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_pybridge_passes(job: Job, direction: str) -> None:
    verdicts = ROUTES[job.route].directions[direction](job)
    assert kinds(verdicts) == dict.fromkeys(CHECKS[1:], Kind.PASS)


def test_nobody_says_what_the_bytes_of_pybridge_are() -> None:
    assert ROUTES["pybridge-optimizer"].checks(CASE, PYTHON_TO_DOTNET) == CHECKS[1:]


def test_a_pickle_that_torch_cannot_read_is_a_difference_of_bytes(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Job.ask

    def spoil(self: Job, *told: Any, **more: Any) -> dict[str, Any]:
        answer = ask(self, *told, **more)
        self.artifact.write_bytes(b"\xff")
        return answer

    monkeypatch.setattr(Job, "ask", spoil)
    verdicts = ROUTES[job.route].directions[DOTNET_TO_PYTHON](job)
    assert kinds(verdicts) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_the_script_has_a_function_for_every_optimizer() -> None:
    optimizers = {case.training.optimizer.lower() for case in CASES.values() if case.training}
    assert {f"save_{name}" for name in optimizers} <= set(FUNCTIONS["exportsd"])


def test_what_the_script_writes_well_passes(export: Carry) -> None:
    verdicts = export(lambda optimizer, stream: stream.write(encoded(optimizer)))
    assert kinds(verdicts) == dict.fromkeys(CHECKS, Kind.PASS)


def test_a_file_written_otherwise_is_a_difference_of_bytes_and_of_options(export: Carry) -> None:
    def write(optimizer: Any, stream: Any) -> None:
        data = encoded(optimizer)
        data[len("_Adam__")] ^= 1  # in the first option, which is initial_lr
        stream.write(data)

    passing = dict.fromkeys(CHECKS, Kind.PASS)
    assert kinds(export(write)) == {**passing, "bytes": Kind.BYTES, "options": Kind.BITS}


def test_the_bytes_are_judged_though_torchsharp_refuses_them(export: Carry) -> None:
    verdicts = export(lambda optimizer, stream: stream.write(b"\x04Nada"))
    assert kinds(verdicts) == {**dict.fromkeys(CHECKS, Kind.REFUSED), "bytes": Kind.BYTES}


def test_what_the_script_raises_is_a_refusal(export: Carry) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("no state")

    assert export(fail) == dict.fromkeys(CHECKS, Verdict(Kind.REFUSED, "KeyError: 'no state'"))
