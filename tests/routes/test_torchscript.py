"""Verdicts of the overloads by torch.jit and torch.save: what a pass must show, and what a lying peer cannot fake."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.process import PeerBroken, PeerKeeper
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind

BAG = "role/both/bf16"
MODEL = "layer/linear/default/f32"


class Fake:
    """Stands for a keeper whose peer answers everything with the same words."""

    def __init__(self, answer: dict[str, Any], act: Callable[[dict[str, Any]], None] = lambda told: None) -> None:
        self.answer = {"seconds": 0.0, **answer}
        self.act = act

    def call(self, name: str, *rest: Any, **told: Any) -> dict[str, Any]:
        self.act(told)
        return self.answer


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Callable[[str, str], Job]:
    def make(case_id: str, route: str = "torchscript") -> Job:
        case = native.resolve(load_catalogue()[case_id])
        entries = native.entries(case)
        write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
        return Job(case, route, "cpu", "cpu", entries, tmp_path / "expected.dat", tmp_path / "actual.dat", keeper)

    return make


def carry(job: Job, direction: str) -> dict[str, Kind]:
    route = ROUTES[job.route]
    verdicts = route.directions[direction](job)
    return {check: verdicts[check].kind for check in route.checks(job.case, direction)}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
@pytest.mark.parametrize("case", [BAG, MODEL])
def test_the_real_peer_passes(job: Callable[[str, str], Job], case: str, direction: str):
    assert set(carry(job(case, "torchscript"), direction).values()) == {Kind.PASS}


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_a_single_tensor_travels_as_a_script(job: Callable[[str, str], Job], direction: str):
    assert carry(job("pattern/random/bf16", "torch-save-script"), direction) == {"bits": Kind.PASS}


def test_a_peer_that_says_yes_to_everything_is_found_out(job: Callable[[str, str], Job]):
    lied_to = job(BAG, "torchscript")
    lied_to.peer = Fake({"differences": [], "digest": "", "quantizer": None})
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        carry(lied_to, PYTHON_TO_DOTNET)


def test_a_peer_that_saves_nothing_leaves_the_other_bits(job: Callable[[str, str], Job]):
    lied_to = job(BAG, "torchscript")
    lied_to.peer = Fake({"saved": True})
    assert carry(lied_to, DOTNET_TO_PYTHON) == {"bits": Kind.BITS}


def test_a_file_that_python_cannot_read_is_a_difference_of_bytes(job: Callable[[str, str], Job]):
    lied_to = job(BAG, "torchscript")
    lied_to.peer = Fake({"saved": True}, lambda told: Path(told["artifact"]).write_bytes(b"PK"))
    assert carry(lied_to, DOTNET_TO_PYTHON) == {"bits": Kind.BYTES}


def test_a_model_that_computes_something_else_is_found_out(job: Callable[[str, str], Job], tmp_path: Path):
    lied_to = job(MODEL, "torchscript")
    other: StateDict = [Entry("0", Tensor(BY_NAME["f32"], (2, 3), bytes(24)))]
    write_whole(tmp_path / "outputs", encode_state_dict(other))
    answer = {"differences": [], "digest": digest(lied_to.entries), "quantizer": None}
    lied_to.peer = Fake(answer | {"outputs": str(tmp_path / "outputs")})
    assert carry(lied_to, PYTHON_TO_DOTNET) == {"bits": Kind.PASS, "forward": Kind.BITS}


def test_what_pytorch_refuses_is_an_unreadable_file(job: Callable[[str, str], Job]):
    refused = job("pattern/random/f32", "torch-save")
    refused.peer = Fake(
        {"saved": True}, lambda told: programs.save_archive(Path(told["artifact"]), refused.entries[0].tensor)
    )
    verdict = ROUTES["torch-save"].directions[DOTNET_TO_PYTHON](refused)["bits"]
    assert (verdict.kind, verdict.detail[:26]) == (Kind.BYTES, "unreadable: RuntimeError: ")


def test_a_model_without_inputs_is_not_claimed():
    case = next(case for case in load_catalogue().values() if case.model and not case.model.inputs)
    assert ROUTES["torchscript"].checks(case, PYTHON_TO_DOTNET) == ()


@pytest.mark.parametrize(("version", "loads"), [(0, False), (1, True), (3, True), (10, True), (11, False)])
def test_both_sides_read_the_same_versions_of_the_file_format(
    job: Callable[[str, str], Job], tmp_path: Path, version: int, loads: bool
):
    """caffe2/serialize/versions.h: 1 to 10. Both sides write 3 as long as no operator asks for more."""
    asked = job(BAG, "torchscript")
    programs.save_script(tmp_path / "written.pt", asked.case, asked.entries, [])
    with zipfile.ZipFile(tmp_path / "written.pt") as written, zipfile.ZipFile(asked.artifact, "w") as changed:
        assert written.read("written/version") == b"3\n"
        for item in written.infolist():
            changed.writestr(
                item.filename, f"{version}\n" if item.filename == "written/version" else written.read(item)
            )
    found = {"Python": False, ".NET": "error" not in asked.ask("load", "cpu")}
    with suppress(RuntimeError):
        programs.load_script(asked.artifact)
        found["Python"] = True
    assert found == {"Python": loads, ".NET": loads}
