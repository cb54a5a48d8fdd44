"""The verdicts of a load, from what was observed on both sides; without a peer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tscompat.catalogue import Load, load_catalogue, make
from tscompat.routes import load
from tscompat.routes.load import Observed, tensor_digest
from tscompat.values.verdict import Kind

CASE = load_catalogue()["load/report/skip/f32"]
assert isinstance(CASE.subject, Load)
SKIPS = CASE.subject
BEFORE = make(CASE.id, SKIPS.specs)[:1]
KEPT = {BEFORE[0].name: tensor_digest(BEFORE[0].tensor)}


def state(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    return load.state(Observed("", ours), Observed("", theirs), BEFORE).detail


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [("", "", Kind.PASS), ("no", "no", Kind.PASS), ("", "no", Kind.REFUSED), ("no", "", Kind.ACCEPTED)],
)
def test_both_refuse_or_neither(ours: str, theirs: str, kind: Kind) -> None:
    assert load.outcome(Observed(ours, {}), Observed(theirs, {})).kind is kind


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


@pytest.mark.parametrize(("still_open", "kind"), [(True, Kind.PASS), (None, Kind.PASS), (False, Kind.REFUSED)])
def test_a_stream_stays_open(still_open: bool | None, kind: Kind) -> None:
    assert load.stream(still_open).kind is kind
