"""The verdicts of a load, from what was observed on both sides; without a peer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from doubles import MakeJob, transfer, with_peer
from tscompat.catalogue import Load, load_catalogue, make
from tscompat.dotnet_side.messages import LoadedInto, Thrown
from tscompat.routes import load
from tscompat.routes.load import Observed, tensor_digest
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind

CASE = load_catalogue()["load/report/skip/f32"]
assert isinstance(CASE.subject, Load)
SKIPS = CASE.subject
NAMES = "missing or unexpected: b"
BEFORE = make(CASE.id, SKIPS.specs)[:1]
KEPT = {BEFORE[0].name: tensor_digest(BEFORE[0].tensor)}


def state(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    return load.state(Observed("", ours), Observed("", theirs), BEFORE).detail


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ("", "", Kind.PASS),
        (NAMES, "InvalidOperationException: state_dict is not identical to the target dictionary.", Kind.PASS),
        ("byte 1: expected 2 bytes", "System.IO.EndOfStreamException: no", Kind.PASS),
        ("", "no", Kind.REFUSED),
        (NAMES, "", Kind.ACCEPTED),
        (NAMES, "System.ArgumentException: Mismatched tensor shape while loading.", Kind.REFUSED),
        (NAMES, "System.NullReferenceException: no", Kind.REFUSED),
        ("no", "no", Kind.REFUSED),
    ],
)
def test_both_refuse_for_the_same_reason_or_neither_does(ours: str, theirs: str, kind: Kind) -> None:
    assert load.outcome(Observed(ours, {}), Observed(theirs, {})).kind is kind


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ("", "no", "TorchSharp refused the load"),
        ("no", "", "PyTorch refused the load"),
        ("no", "no", "PyTorch and TorchSharp refused the load"),
    ],
)
def test_after_a_refused_load_there_is_no_stream_and_no_report_to_judge(ours: str, theirs: str, reason: str) -> None:
    verdict = load.unjudged(Observed(ours, {}), Observed(theirs, {}))
    assert verdict is not None
    assert (verdict.kind, verdict.detail) == (Kind.NOT_RUN, reason)


def test_after_a_load_stream_and_report_are_judged() -> None:
    assert load.unjudged(Observed("", {}), Observed("", {})) is None


@pytest.mark.parametrize("check", ["stream", "report"])
def test_a_transfer_that_dotnet_refuses_passes_neither(make_job: MakeJob, check: str) -> None:
    refused = LoadedInto(Thrown("System.Exception", "no"), None, {}, {})
    job = with_peer(make_job("load/report/stream/f32", "load"), lambda call: refused)
    assert transfer(job, "load", PYTHON_TO_DOTNET).verdicts[check].kind is Kind.NOT_RUN


def test_the_same_state_is_a_pass() -> None:
    assert state(KEPT, KEPT) == ""


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (KEPT, "'a' is changed in PyTorch, kept in .NET"),
        ({"a": "x"}, "'a' is changed in PyTorch, changed otherwise in .NET"),
        ({}, "'a' is changed in PyTorch, gone in .NET"),
    ],
)
def test_what_became_of_a_tensor_is_named(theirs: Mapping[str, str], words: str) -> None:
    assert state({"a": "changed"}, theirs) == words


@pytest.mark.parametrize(
    ("reported", "words"),
    [
        ({"a": True, "b": False, "c": True, "d": True}, ""),
        ({"a": True, "b": True, "c": True, "d": True}, "'b' was not loaded, the report has True"),
        ({"b": False, "c": True, "d": True}, "'a' was loaded, the report has None"),
        (
            {"a": True, "b": False, "c": True, "d": True, "e": True},
            "'e' was not in the file, the report has True",
        ),
    ],
)
def test_a_report_names_each_entry_of_the_file(reported: Mapping[str, bool], words: str) -> None:
    assert load.report(SKIPS, reported).detail == words


@pytest.mark.parametrize(("still_open", "kind"), [(True, Kind.PASS), (False, Kind.REFUSED)])
def test_a_stream_stays_open(still_open: bool, kind: Kind) -> None:
    assert load.stream(still_open).kind is kind
