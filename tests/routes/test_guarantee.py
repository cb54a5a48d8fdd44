"""The route of guarantees: what a probe finds, and what becomes of what it has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.guarantee import GIVEN
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

CASES = load_catalogue()
FOLDER = "guarantee/pybridge-checkpoint-of-one-safetensors/f32"


class Says:
    """A peer that has seen this and nothing else; it keeps what lay before it."""

    def __init__(self, **answer: str) -> None:
        self.answer = answer
        self.found: set[str] = set()

    def call(self, name: str, *seconds: float, **told: Any) -> dict[str, Any]:
        self.found = {path.name for path in Path(told["artifact"]).parent.rglob("*")} - {"expected.dat"}
        return {"seconds": 0.0, **self.answer}


def keep(case_id: str, folder: Path, peer: Any) -> Verdict:
    case = CASES[case_id]
    entries = make(case)
    write_whole(folder / "expected.dat", encode_state_dict(entries))
    job = Job(case, "guarantee", "cpu", "cpu", entries, folder / "expected.dat", folder / "actual.dat", peer)
    return ROUTES["guarantee"].directions[PYTHON_TO_DOTNET](job)["kept"]


@pytest.mark.parametrize("case_id", ["guarantee/python-state-dict-from-the-cpu/f32", FOLDER])
def test_the_real_peer_keeps_its_guarantee(tmp_path: Path, keeper: PeerKeeper, case_id: str) -> None:
    assert keep(case_id, tmp_path, keeper).kind is Kind.PASS


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"observed": "other bits"}, Kind.BITS),
        ({"error": ["System.Exception", "no"]}, Kind.REFUSED),
        ({"unable": "not here"}, Kind.NOT_RUN),
    ],
    ids=["seen-otherwise", "refused", "unable"],
)
def test_a_guarantee_that_is_not_kept_is_told(tmp_path: Path, answer: dict[str, Any], kind: Kind) -> None:
    assert keep(FOLDER, tmp_path, Says(**answer)).kind is kind


@pytest.mark.parametrize(
    ("case_id", "found"),
    [(FOLDER, {"actual.dat", "model.safetensors"}), ("guarantee/save-then-load/f32", set[str]())],
    ids=["one-file-in-a-folder", "nothing"],
)
def test_a_probe_finds_what_it_needs_and_no_more(tmp_path: Path, case_id: str, found: set[str]) -> None:
    peer = Says(observed="")
    keep(case_id, tmp_path, peer)
    assert peer.found == found


def test_what_is_given_is_given_to_probes() -> None:
    assert GIVEN.keys() <= {case.guarantee.probe for case in CASES.values() if case.guarantee}
