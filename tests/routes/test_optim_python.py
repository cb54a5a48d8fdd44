"""Optimizers in files of Python's writers: torch.save for PyBridge, and doubles of exportsd.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
import torch

from doubles import FakePeer, MakeJob, honestly, transfer
from tscompat.catalogue import OptimizerCase, load_catalogue
from tscompat.codec import encode_optimizer
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.python_side.torch_optimizers import record_of
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS, STEPPED
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
def test_pybridge_passes(real_job: MakeJob, direction: str) -> None:
    verdicts = transfer(real_job(CASE, "pybridge-optimizer"), "pybridge-optimizer", direction).verdicts
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


@dataclass(frozen=True)
class Patch:
    """A change of what PyBridge has saved, and what the verdicts then are."""

    change: Callable[[Any], object]
    differing: dict[str, Kind]
    check: str
    detail: str
    """A regular expression for the detail of ``check``."""


REFUSED = dict.fromkeys(STEPPED, Kind.REFUSED)
PATCHES = {
    "state-missing": Patch(
        lambda saved: saved["state"][0].pop("exp_avg"),
        {"bits": Kind.NAMES, **REFUSED},
        "bits",
        "missing 'state.0.exp_avg'; the other 9 are equal",
    ),
    "state-added": Patch(
        lambda saved: saved["state"][0].update(ema=torch.ones(2)),
        {"bits": Kind.NAMES, "state": Kind.NAMES},
        "bits",
        "unexpected 'state.0.ema'; the other 10 are equal",
    ),
    "state-of-no-parameter": Patch(
        lambda saved: saved["state"].update({7: {"step": torch.tensor(1.0)}}),
        {"bits": Kind.NAMES, "count": Kind.NAMES},
        "bits",
        "unexpected 'state.3.step'; the other 10 are equal",
    ),
    "option-missing": Patch(
        lambda saved: saved["param_groups"][0].pop("eps"),
        {"options": Kind.NAMES, **REFUSED},
        "options",
        "missing 'group.0.eps'; the other 23 are equal",
    ),
    "pair-missing": Patch(
        lambda saved: saved["param_groups"][0].pop("betas"),
        {"options": Kind.NAMES, **REFUSED},
        "options",
        "missing 'group.0.beta1', 'group.0.beta2'; the other 22 are equal",
    ),
    "option-added-and-another-wrong": Patch(
        lambda saved: saved["param_groups"][0].update(rho=0.5, eps=0.5),
        {"options": Kind.BITS, "step": Kind.BITS},
        "options",
        r"element \[\] of 'group.0.eps' .*; unexpected 'group.0.rho'",
    ),
    "no-tensor": Patch(
        lambda saved: saved["state"][0].update(exp_avg=0.5),
        dict.fromkeys(CHECKS, Kind.BYTES),
        "bits",
        "unreadable: ValueError: expected a tensor, found float",
    ),
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_what_is_missing_from_a_pickle_or_added_to_it_has_a_verdict(job: Job[Any], patch: Patch) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        found: Any = job.peer.ask(call)
        saved = torch.load(job.artifact, weights_only=True)
        patch.change(saved)
        torch.save(saved, job.artifact)
        return found

    verdicts = transfer(replace(job, peer=FakePeer(answer)), "pybridge-optimizer", DOTNET_TO_PYTHON).verdicts
    assert {name: kind for name, kind in kinds(verdicts).items() if kind is not Kind.PASS} == patch.differing
    assert re.fullmatch(patch.detail, verdicts[patch.check].detail)


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


def test_the_script_is_called_by_the_optimizers_name(make_job: MakeJob, tmp_path: Path) -> None:
    called: list[str] = []

    def of(name: str) -> Callable[[Any, BinaryIO], object]:
        return lambda optimizer, stream: called.append(name)

    names = FUNCTIONS["exportsd"]
    module: Any = SimpleNamespace(**{name: of(name) for name in names})
    job = make_job("optim/rmsprop/f32", "exportsd-optimizer", script=Script(tmp_path, "", module))
    transfer(job, "exportsd-optimizer", PYTHON_TO_DOTNET)
    assert called == ["save_rmsprop"]


def test_a_pickle_holds_what_the_optimizers_state_dict_gives(job: Job[Any]) -> None:
    artifact = transfer(job, "pybridge-optimizer", PYTHON_TO_DOTNET).artifact
    saved = torch.load(artifact, weights_only=True)
    assert saved.keys() == {"state", "param_groups"}
    assert [len(group["params"]) for group in saved["param_groups"]] == [
        group.parameters for group in job.subject.groups
    ]


def test_an_unreadable_pickle_states_the_reason(job: Job[Any]) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        found: Any = job.peer.ask(call)
        job.artifact.write_bytes(b"\xff")
        return found

    spoiled = replace(job, peer=FakePeer(answer))
    detail = transfer(spoiled, "pybridge-optimizer", DOTNET_TO_PYTHON).verdicts["bits"].detail
    assert re.match(r"unreadable: (UnpicklingError|RuntimeError|EOFError): ", detail)


@pytest.mark.parametrize("value", [Path("a"), 0.5], ids=["no-weight", "no-tensor"])
def test_a_pickle_of_more_than_weights_is_unreadable(job: Job[Any], value: object) -> None:
    """torch.load with weights_only, as its documentation advises."""

    def answer(call: AnyCall) -> AnyAnswer:
        found = honestly(job, call)
        saved: Any = torch.load(job.artifact, weights_only=True)
        saved["state"][0]["exp_avg"] = value
        torch.save(saved, job.artifact)
        return found

    changed = replace(job, peer=FakePeer(answer))
    found = transfer(changed, "pybridge-optimizer", DOTNET_TO_PYTHON)
    words = {"Path": "unreadable: UnpicklingError: ", "float": "unreadable: ValueError: "}
    assert found.verdicts["bits"].detail.startswith(words["float" if isinstance(value, float) else "Path"])
    assert found.artifact == job.artifact


def test_what_the_script_does_not_write_gives_the_artifact_too(make_job: MakeJob, tmp_path: Path) -> None:
    module: Any = SimpleNamespace()
    job = make_job(CASE, "exportsd-optimizer", script=Script(tmp_path, "", module))
    assert transfer(job, "exportsd-optimizer", PYTHON_TO_DOTNET).artifact == job.artifact
