"""Verdicts of the overload by torch.export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make_inputs
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind

CASE = native.resolve(load_catalogue()["program/mlp/f32"])


class Computing:
    """Stands for a keeper whose peer ran the program and got these outputs."""

    def __init__(self, outputs: StateDict, path: Path) -> None:
        write_whole(path, encode_state_dict(outputs))
        self.answer = {"seconds": 0.0, "outputs": str(path)}

    def call(self, name: str, *rest: Any, **told: Any) -> dict[str, Any]:
        return self.answer


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Job:
    entries = native.entries(CASE)
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    return Job(CASE, "export", "cpu", "cpu", entries, tmp_path / "expected.dat", tmp_path / "actual.dat", keeper)


def outputs_of(job: Job) -> StateDict:
    module = native.filled(CASE, job.entries)
    computed = native.forward(module, CASE, make_inputs(CASE), BY_NAME["f32"])
    return [Entry(str(number), tensor) for number, (_, tensor) in enumerate([*computed, *job.entries])]


def carry(job: Job) -> dict[str, Kind]:
    return {check: verdict.kind for check, verdict in ROUTES["export"].directions[PYTHON_TO_DOTNET](job).items()}


def test_the_outputs_tell_what_is_computed_and_the_state(job: Job, tmp_path: Path):
    job.peer = Computing(outputs_of(job), tmp_path / "outputs")
    assert carry(job) == {"bits": Kind.PASS, "forward": Kind.PASS}


@pytest.mark.parametrize(("place", "check"), [(0, "forward"), (-1, "bits")])
def test_other_outputs_are_found_out(job: Job, tmp_path: Path, place: int, check: str):
    outputs = outputs_of(job)
    outputs[place] = Entry(outputs[place].name, torch_tensors.poison(outputs[place].tensor))
    job.peer = Computing(outputs, tmp_path / "outputs")
    assert [name for name, kind in carry(job).items() if kind is not Kind.PASS] == [check]


def test_without_a_compiler_it_is_not_run(job: Job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "cannot_compile", lambda: "no C++ compiler for AOTInductor")
    verdicts = ROUTES["export-aoti"].directions[PYTHON_TO_DOTNET](job)
    assert {verdict.kind for verdict in verdicts.values()} == {Kind.NOT_RUN}
