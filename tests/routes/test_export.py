"""Verdicts of the routes by torch.export."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doubles import MakeJob, kinds, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue, make_inputs
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.messages import AnyCall, Done, RunProgram, Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind, Verdict


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


def test_a_program_is_asked_for_with_the_files_of_the_job(job: Job[Any]) -> None:
    peer = HonestPeer(job.subject)
    artifact = transfer(replace(job, peer=peer), "export", PYTHON_TO_DOTNET).artifact
    (call,) = peer.calls
    assert isinstance(call, RunProgram)
    assert artifact == job.artifact.with_suffix(".pt2")
    assert (call.overload, call.artifact, call.inputs, call.outputs) == (
        "exported-program",
        str(artifact),
        str(job.inputs),
        str(job.outputs),
    )


def test_a_compiled_program_is_judged_as_an_exported_one(job: Job[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "cannot_compile", lambda: None)
    monkeypatch.setattr(programs, "save_compiled", programs.save_exported)
    assert kinds(replace(job, peer=HonestPeer(job.subject)), "export-aoti", PYTHON_TO_DOTNET) == {
        "bits": Kind.PASS,
        "forward": Kind.PASS,
    }


def test_what_cannot_be_compiled_states_why(job: Job[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "cannot_compile", lambda: "no C++ compiler for AOTInductor")
    found = transfer(job, "export-aoti", PYTHON_TO_DOTNET)
    not_run = Verdict(Kind.NOT_RUN, "no C++ compiler for AOTInductor")
    assert (found.verdicts, found.artifact) == ({"bits": not_run, "forward": not_run}, job.artifact)


def test_a_refused_program_has_no_verdicts_of_its_own(job: Job[Any]) -> None:
    found = transfer(with_peer(job, lambda call: Thrown("System.Exception", "no")), "export", PYTHON_TO_DOTNET)
    refused = Verdict(Kind.REFUSED, "System.Exception: no")
    assert found.verdicts == {"bits": refused, "forward": refused}
    assert found.artifact == job.artifact.with_suffix(".pt2")


@pytest.mark.parametrize(
    ("case_id", "checks"), [("program/mlp/f32", ("bits", "forward")), ("pattern/together/mixed", ("bits",))]
)
def test_a_bag_of_tensors_computes_nothing(case_id: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["export-aoti"].checks_of(load_catalogue()[case_id], PYTHON_TO_DOTNET) == checks


@pytest.mark.parametrize("variable", ["TORCHINDUCTOR_CACHE_DIR", "TMPDIR"])
def test_a_temporary_folder_with_a_space_in_its_path_is_a_reason(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.setenv(variable, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(torch, "__file__", "/torch/__init__.py")  # this checkout may lie in such a path itself
    reason = programs.cannot_compile()
    assert reason == "the temporary folder (TMPDIR) has a space in its path, where AOTInductor cannot compile"
