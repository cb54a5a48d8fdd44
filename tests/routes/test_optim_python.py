"""Optimizers in files of Python's writers: torch.save for PyBridge on the real peer, and doubles of exportsd.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from doubles import FakePeer, MakeJob, transfer
from tscompat.catalogue import OptimizerCase, load_catalogue
from tscompat.codec import encode_optimizer
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.python_side.torch_optimizers import record_of
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

CASES = load_catalogue()
CASE = "optim/adam-groups/bf16"
Export = Callable[[Callable[[Any, BinaryIO], object]], Mapping[str, Verdict]]


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job(CASE, "pybridge-optimizer")


@pytest.fixture
def export(make_job: MakeJob, tmp_path: Path) -> Export:
    """Transfers the case with this function in place of the script's save_adam."""

    def export(function: Callable[[Any, BinaryIO], object]) -> Mapping[str, Verdict]:
        module: Any = SimpleNamespace(save_adam=function)
        job = make_job(CASE, "exportsd-optimizer", script=Script(tmp_path, "", module))
        return transfer(job, "exportsd-optimizer", PYTHON_TO_DOTNET).verdicts

    return export


def encoded(optimizer: Any) -> bytearray:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    pieces = encode_optimizer(record_of("Adam", optimizer.state_dict(), parameters))
    return bytearray(b"".join(bytes(memoryview(piece)) for piece in pieces))


def kinds(verdicts: Mapping[str, Verdict]) -> dict[str, Kind]:
    return {check: verdict.kind for check, verdict in verdicts.items()}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_pybridge_passes(job: Job[Any], direction: str) -> None:
    verdicts = transfer(job, "pybridge-optimizer", direction).verdicts
    assert kinds(verdicts) == dict.fromkeys(CHECKS[1:], Kind.PASS)


def test_the_files_of_pybridge_have_no_reference_bytes() -> None:
    assert ROUTES["pybridge-optimizer"].checks_of(CASES[CASE], PYTHON_TO_DOTNET) == CHECKS[1:]


def test_a_pickle_that_torch_cannot_read_is_a_difference_of_bytes(job: Job[Any]) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        found: Any = job.peer.ask(call)
        job.artifact.write_bytes(b"\xff")
        return found

    spoiled = replace(job, peer=FakePeer(answer))
    verdicts = transfer(spoiled, "pybridge-optimizer", DOTNET_TO_PYTHON).verdicts
    assert kinds(verdicts) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_the_script_has_a_function_for_every_optimizer() -> None:
    subjects = [case.subject for case in CASES.values()]
    optimizers = {subject.optimizer.lower() for subject in subjects if isinstance(subject, OptimizerCase)}
    assert {f"save_{name}" for name in optimizers} <= set(FUNCTIONS["exportsd"])


def test_what_the_script_writes_well_passes(export: Export) -> None:
    verdicts = export(lambda optimizer, stream: stream.write(encoded(optimizer)))
    assert kinds(verdicts) == dict.fromkeys(CHECKS, Kind.PASS)


def test_a_file_written_otherwise_is_a_difference_of_bytes_and_of_options(export: Export) -> None:
    def write(optimizer: Any, stream: BinaryIO) -> None:
        data = encoded(optimizer)
        data[len("_Adam__")] ^= 1  # in the first option, which is initial_lr
        stream.write(data)

    passing = dict.fromkeys(CHECKS, Kind.PASS)
    assert kinds(export(write)) == {**passing, "bytes": Kind.BYTES, "options": Kind.BITS}


def test_the_bytes_are_judged_though_torchsharp_refuses_them(export: Export) -> None:
    verdicts = export(lambda optimizer, stream: stream.write(b"\x04Nada"))
    assert kinds(verdicts) == {**dict.fromkeys(CHECKS, Kind.REFUSED), "bytes": Kind.BYTES}


def test_what_the_script_raises_is_a_refusal(export: Export) -> None:
    def fail(optimizer: Any, stream: BinaryIO) -> None:
        raise KeyError("no state")

    assert export(fail) == dict.fromkeys(CHECKS, Verdict(Kind.REFUSED, "KeyError: 'no state'"))
