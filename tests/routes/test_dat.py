"""A route's verdicts: what a pass must show, and what a lying peer cannot fake."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerBroken, PeerKeeper
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.judging import same_file
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind

CASE = load_catalogue()["role/both/bf16"]


class Fake:
    """Stands for a keeper whose peer answers everything with the same words."""

    def __init__(self, answer: dict[str, Any], act: Callable[[dict[str, Any]], None] = lambda told: None) -> None:
        self.answer = {"seconds": 0.0, **answer}
        self.act = act

    def call(self, name: str, *seconds: float, **told: Any) -> dict[str, Any]:
        self.act(told)
        return self.answer


@pytest.fixture
def job(tmp_path: Path, keeper: PeerKeeper) -> Job:
    entries = make(CASE)
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    return Job(CASE, "dat", "cpu", "cpu", entries, tmp_path / "expected.dat", tmp_path / "actual.dat", keeper)


def carry(job: Job, direction: str):
    return ROUTES["dat"].directions[direction](job)


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_the_real_peer_passes(job: Job, direction: str):
    verdicts = carry(job, direction)
    assert {verdicts[check].kind for check in ROUTES["dat"].checks(CASE, direction)} == {Kind.PASS}


def test_a_peer_that_says_yes_to_everything_is_found_out(job: Job):
    job.peer = Fake({"differences": [], "digest": "", "quantizer": None})
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        carry(job, PYTHON_TO_DOTNET)


def test_a_peer_that_saves_nothing_is_found_out(job: Job):
    job.peer = Fake({"saved": True})
    with pytest.raises(FileNotFoundError):
        carry(job, DOTNET_TO_PYTHON)


def test_a_saved_file_of_other_bits_is_a_difference(job: Job):
    def save_wrong(told: dict[str, Any]) -> None:
        data = bytearray(job.expected_file.read_bytes())
        data[-1] ^= 1
        Path(told["artifact"]).write_bytes(data)

    job.peer = Fake({"saved": True}, save_wrong)
    verdicts = carry(job, DOTNET_TO_PYTHON)
    assert (verdicts["bits"].kind, verdicts["bytes"].kind) == (Kind.BITS, Kind.BYTES)


def test_an_unreadable_file_is_a_difference_of_bytes(job: Job):
    job.peer = Fake({"saved": True}, lambda told: Path(told["artifact"]).write_bytes(b"\xff"))
    assert carry(job, DOTNET_TO_PYTHON)["bits"].detail.startswith("unreadable: ")


def test_an_exception_of_dotnet_is_a_refusal_without_the_paths_of_this_run(job: Job):
    job.peer = Fake({"error": ["System.IO.IOException", f"no {job.expected_file}\nframe #0"]})
    verdict = carry(job, PYTHON_TO_DOTNET)["bits"]
    assert (verdict.kind, verdict.detail) == (Kind.REFUSED, "System.IO.IOException: no expected.dat")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda data: data[:-1], r"byte \d+: expected 0x.., the file ends there"),
        (lambda data: data + b"\0", r"1 bytes too many after byte \d+"),
        (lambda data: b"\x07" + data[1:], "byte 0: expected 0x02, found 0x07"),
    ],
    ids=["short", "long", "other"],
)
def test_a_file_that_differs_says_where(job: Job, change: Callable[[bytes], bytes], detail: str):
    job.artifact.write_bytes(change(job.expected_file.read_bytes()))
    verdict = same_file(encode_state_dict(job.entries), job.artifact)
    assert verdict.kind is Kind.BYTES
    assert re.fullmatch(detail, verdict.detail)
