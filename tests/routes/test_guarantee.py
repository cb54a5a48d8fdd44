"""The route of guarantees: the files that a probe finds, and the verdict of what it observed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from doubles import FakePeer, MakeJob, transfer
from honest_peer import HonestPeer
from samples import load_safetensors
from tscompat.catalogue import Guarantee, load_catalogue
from tscompat.codec import read_state_dict
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Observed, Probe, Thrown, Unable
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import counterparts, given
from tscompat.routes import dotnet_half
from tscompat.routes.guarantee import GIVEN
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

FOLDER = "guarantee/pybridge-checkpoint-of-one-safetensors/f32"


def kept(make_job: MakeJob, case_id: str, peer: Client | None = None) -> Verdict:
    return transfer(make_job(case_id, "guarantee", peer), "guarantee", PYTHON_TO_DOTNET).verdicts["kept"]


@pytest.mark.parametrize("case_id", ["guarantee/python-state-dict-from-the-cpu/f32", FOLDER])
def test_the_real_peer_keeps_its_guarantee(real_job: MakeJob, case_id: str) -> None:
    assert kept(real_job, case_id).kind is Kind.PASS


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Observed("other bits"), Kind.BITS),
        (Thrown("System.Exception", "no"), Kind.REFUSED),
        (Unable("not here"), Kind.BITS),
    ],
    ids=["seen-otherwise", "refused", "unable"],
)
def test_a_guarantee_that_is_not_kept_is_named(make_job: MakeJob, answer: AnyAnswer, kind: Kind) -> None:
    assert kept(make_job, FOLDER, FakePeer(lambda call: answer)).kind is kind


@pytest.mark.parametrize(("word", "kind"), [("into", Kind.NOT_RUN), ("in", Kind.BITS)])
def test_only_the_reason_that_the_case_names_leaves_a_guarantee_untried(
    make_job: MakeJob, word: str, kind: Kind
) -> None:
    peer = FakePeer(lambda call: Unable(f"this system or user writes {word} read-only folders"))
    assert kept(make_job, "guarantee/read-only-folder/f32", peer).kind is kind


@pytest.mark.parametrize(
    ("case_id", "found"),
    [(FOLDER, {"actual.dat", "model.safetensors"}), ("guarantee/save-then-load/f32", set[str]())],
    ids=["one-file-in-a-folder", "nothing"],
)
def test_a_probe_finds_what_it_needs_and_no_more(
    make_job: MakeJob, tmp_path: Path, case_id: str, found: set[str]
) -> None:
    seen: set[str] = set()

    def look(call: AnyCall) -> AnyAnswer:
        seen.update(path.name for path in tmp_path.rglob("*"))
        return Observed("")

    kept(make_job, case_id, FakePeer(look))
    assert seen - {"expected.dat"} == found


@pytest.mark.parametrize(
    ("case_id", "files"),
    [
        ("guarantee/pybridge-checkpoint-of-one-pickle/f32", ["pytorch_model.bin"]),
        (FOLDER, ["model.safetensors"]),
        ("guarantee/pybridge-checkpoint-by-name/f32", ["other.safetensors"]),
    ],
)
def test_a_folder_holds_the_state_dict_of_the_case(make_job: MakeJob, case_id: str, files: list[str]) -> None:
    job = make_job(case_id, "guarantee")
    artifact = transfer(job, "guarantee", PYTHON_TO_DOTNET).artifact
    assert [file.name for file in artifact.iterdir()] == files
    read = torch.load if files == ["pytorch_model.bin"] else load_safetensors
    found = torch_tensors.export(read(artifact / files[0]))  # safetensors' library orders entries by itself
    assert digest(sorted(found, key=lambda entry: entry.name)) == digest(
        sorted(job.entries, key=lambda each: each.name)
    )


def test_a_file_of_our_own_holds_the_state_dict_of_the_case(make_job: MakeJob) -> None:
    job = make_job("guarantee/python-state-dict-from-the-cpu/f32", "guarantee")
    artifact = transfer(job, "guarantee", PYTHON_TO_DOTNET).artifact
    assert artifact.read_bytes() == job.expected_file.read_bytes()


def test_a_file_of_bytes_holds_the_first_tensor_of_the_case(make_job: MakeJob) -> None:
    case_id = next(each for each in load_catalogue() if each.startswith("guarantee/from-file/"))
    job = make_job(case_id, "guarantee")
    artifact = transfer(job, "guarantee", PYTHON_TO_DOTNET).artifact
    assert artifact.read_bytes() == bytes(memoryview(job.entries[0].tensor.data).cast("B"))


def test_other_numbers_than_the_cases_are_given_to_the_probe_of_casts(make_job: MakeJob) -> None:
    case_id = next(each for each in load_catalogue() if each.startswith("guarantee/casts-round-as-pytorch/"))
    artifact = transfer(make_job(case_id, "guarantee"), "guarantee", PYTHON_TO_DOTNET).artifact
    assert digest(read_state_dict(artifact)) == digest(torch_tensors.export(given.casts()))


def test_a_probe_is_asked_for_with_the_files_of_the_job(make_job: MakeJob) -> None:
    job = make_job(FOLDER, "guarantee")
    transfer(job, "guarantee", PYTHON_TO_DOTNET)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, Probe)
    assert (call.probe, call.expected, call.artifact) == (
        "pybridge-checkpoint-of-one-safetensors",
        str(job.expected_file),
        str(job.artifact),
    )
    assert call.module == dotnet_half.bag(job)


@pytest.mark.parametrize("side", ["PyTorch", "TorchSharp"])
def test_the_side_that_does_not_keep_it_is_named(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    case_id = "guarantee/usable-after-save/f32"
    subject = load_catalogue()[case_id].subject
    assert isinstance(subject, Guarantee)

    def observe(*_: Any) -> str:
        return "other" if side == "PyTorch" else subject.observed

    monkeypatch.setattr(counterparts, "observe", observe)
    answer = Observed("other" if side == "TorchSharp" else subject.observed)
    verdict = kept(make_job, case_id, FakePeer(lambda call: answer))
    assert verdict == Verdict(Kind(subject.otherwise), f"{side}: other; expected: {subject.observed}")


def test_pytorch_is_observed_with_the_cases_bits_in_a_folder_of_its_own(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []

    def observe(*arguments: Any) -> None:
        seen.append(arguments)

    monkeypatch.setattr(counterparts, "observe", observe)
    job = make_job("guarantee/usable-after-save/f32", "guarantee")
    transfer(job, "guarantee", PYTHON_TO_DOTNET)
    assert seen == [(job.subject, job.entries, job.artifact.with_suffix(".torch"))]


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Thrown("System.Exception", "no"), "System.Exception: no"), (Unable("not here"), "not here")],
    ids=["refused", "unable"],
)
def test_the_reason_is_stated(make_job: MakeJob, answer: AnyAnswer, words: str) -> None:
    assert kept(make_job, FOLDER, FakePeer(lambda call: answer)).detail == words


def test_what_is_given_is_given_to_probes() -> None:
    subjects = [case.subject for case in load_catalogue().values()]
    assert GIVEN.keys() <= {subject.probe for subject in subjects if isinstance(subject, Guarantee)}
