"""The route of guarantees: the files that a probe finds, and the verdict of what it observed."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles import FakePeer, MakeJob, transfer
from tscompat.catalogue import Guarantee, load_catalogue
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Observed, Thrown, Unable
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
        (Unable("not here"), Kind.NOT_RUN),
    ],
    ids=["seen-otherwise", "refused", "unable"],
)
def test_a_guarantee_that_is_not_kept_is_named(make_job: MakeJob, answer: AnyAnswer, kind: Kind) -> None:
    assert kept(make_job, FOLDER, FakePeer(lambda call: answer)).kind is kind


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


def test_what_is_given_is_given_to_probes() -> None:
    subjects = [case.subject for case in load_catalogue().values()]
    assert GIVEN.keys() <= {subject.probe for subject in subjects if isinstance(subject, Guarantee)}
