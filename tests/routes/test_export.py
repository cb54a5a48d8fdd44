"""Verdicts of the routes by torch.export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob, kinds, transfer, with_peer
from tscompat.catalogue import make_inputs
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.messages import AnyCall, Done, RunProgram
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.routes import Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job("program/mlp/f32", "export")


def computing(outputs: StateDict) -> Callable[[AnyCall], Done]:
    """The answers of a peer that ran the program and got these outputs."""

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, RunProgram)
        write_whole(Path(call.outputs), encode_state_dict(outputs))
        return Done()

    return answer


def outputs_of(job: Job[Any]) -> StateDict:
    module = native.filled(job.subject, job.entries)
    computed = native.forward(module, job.subject, make_inputs(job.case.id, job.subject), job.subject.dtype)
    return [Entry(str(number), tensor) for number, (_, tensor) in enumerate([*computed, *job.entries])]


def test_the_outputs_hold_what_is_computed_and_the_state(job: Job[Any]) -> None:
    assert kinds(with_peer(job, computing(outputs_of(job))), "export", PYTHON_TO_DOTNET) == {
        "bits": Kind.PASS,
        "forward": Kind.PASS,
    }


@pytest.mark.parametrize(("place", "check"), [(0, "forward"), (-1, "bits")])
def test_other_outputs_are_found_out(job: Job[Any], place: int, check: str) -> None:
    outputs = outputs_of(job)
    outputs[place] = Entry(outputs[place].name, torch_tensors.poison(outputs[place].tensor))
    found = kinds(with_peer(job, computing(outputs)), "export", PYTHON_TO_DOTNET)
    assert [name for name, kind in found.items() if kind is not Kind.PASS] == [check]


def test_without_a_compiler_it_is_not_run(job: Job[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "cannot_compile", lambda: "no C++ compiler for AOTInductor")
    verdicts = transfer(job, "export-aoti", PYTHON_TO_DOTNET).verdicts
    assert {verdict.kind for verdict in verdicts.values()} == {Kind.NOT_RUN}
