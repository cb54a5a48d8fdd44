"""The verdicts of a load, from what was observed on both sides; without a peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from doubles import MakeJob, honestly, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import Load, load_catalogue, make
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.digest import tensor_digest
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, LoadedInto, LoadInto, Thrown
from tscompat.routes import ROUTES, load
from tscompat.routes.load import Observed
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

CASE = load_catalogue()["load/report/skip/f32"]
assert isinstance(CASE.subject, Load)
SKIPS = CASE.subject
NAMES = "missing or unexpected: b"
BEFORE = make(CASE.id, SKIPS.specs)[:1]
KEPT = {BEFORE[0].name: tensor_digest(BEFORE[0].tensor)}


def state(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Verdict:
    return load.state(Observed("", ours), Observed("", theirs), BEFORE)


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
    ("ours", "theirs", "words"),
    [
        ("", "no", "no"),
        (NAMES, "", f"PyTorch refuses: {NAMES}"),
        ("a", "b", "b; PyTorch refuses for another reason: a"),
    ],
)
def test_the_outcome_states_what_was_refused(ours: str, theirs: str, words: str) -> None:
    assert load.outcome(Observed(ours, {}), Observed(theirs, {})).detail == words


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("missing or unexpected: b", "names"),
        ("Mismatched state_dict sizes: expected 2", "names"),
        ("Mismatched module state names: no 'b'", "names"),
        ("The loaded state_dict is not identical to the target dictionary.", "names"),
        ("Error(s) in loading state_dict for Module:", "shape"),
        ("System.ArgumentException: Mismatched tensor shape while loading.", "shape"),
        ("setStorage: sizes [2], strides [1]", "shape"),
        ("The size of tensor a (2) must match", "shape"),
        ("byte 12: expected 4 bytes", "damage"),
        ("PytorchStreamReader failed reading zip archive: no", "damage"),
        ("Error while deserializing header: InvalidHeader", "damage"),
        ("System.IO.EndOfStreamException: no", "damage"),
        ("System.IO.InvalidDataException: no", "damage"),
        ("The input does not contain any JSON tokens.", "damage"),
    ],
)
def test_each_message_states_one_reason(message: str, reason: str) -> None:
    assert load.reasons(message) == {reason}


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
    assert state(KEPT, KEPT) is PASS


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (KEPT, "'a' is changed in PyTorch, kept in .NET"),
        ({"a": "x"}, "'a' is changed in PyTorch, changed otherwise in .NET"),
        ({}, "'a' is changed in PyTorch, gone in .NET"),
    ],
)
def test_what_became_of_a_tensor_is_named(theirs: Mapping[str, str], words: str) -> None:
    verdict = state({"a": "changed"}, theirs)
    assert (verdict.kind, verdict.detail) == (Kind.BITS, words)
    there = words.partition(", ")[2].removesuffix(" in .NET")
    assert verdict.difference == FirstDifference("a", "state", None, "changed", there)


def test_a_tensor_that_the_load_has_added_is_named() -> None:
    verdict = state(KEPT, {**KEPT, "ghost": "x"})
    assert (verdict.kind, verdict.detail) == (Kind.BITS, "'ghost' is new in .NET")
    assert verdict.difference == FirstDifference("ghost", "state", None, "none", "new")


def test_a_tensor_that_pytorch_kept_is_named() -> None:
    assert state(KEPT, {"a": "x"}).detail == "'a' is kept in PyTorch, changed in .NET"


def test_every_tensor_that_differs_is_named_and_the_first_one_is_data() -> None:
    before = make(CASE.id, SKIPS.specs)[:2]
    first, second = (name for name, _ in before)
    ours, theirs = Observed("", {first: "1", second: "2"}), Observed("", {first: "1", second: "3"})
    verdict = load.state(ours, theirs, before)
    assert verdict.detail == f"{second!r} is changed in PyTorch, changed otherwise in .NET"
    verdict = load.state(ours, Observed("", {}), before)
    assert verdict.detail == (
        f"{first!r} is changed in PyTorch, gone in .NET; {second!r} is changed in PyTorch, gone in .NET"
    )
    assert verdict.difference is not None
    assert verdict.difference.entry == first


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
    verdict = load.report(SKIPS, reported)
    assert (verdict.kind, verdict.detail) == (Kind.NAMES if words else Kind.PASS, words)


def test_the_first_entry_that_a_report_has_otherwise_is_data() -> None:
    verdict = load.report(SKIPS, {"a": True, "b": True, "c": True})
    assert verdict.detail == "'b' was not loaded, the report has True; 'd' was loaded, the report has None"
    assert verdict.difference == FirstDifference("b", "report", None, "not loaded", "True")


@pytest.mark.parametrize(
    ("still_open", "verdict"),
    [
        (True, PASS),
        (False, Verdict(Kind.REFUSED, "the stream is closed afterwards")),
        (None, Verdict(Kind.REFUSED, "the stream is closed afterwards")),
    ],
)
def test_a_stream_stays_open(still_open: bool | None, verdict: Verdict) -> None:
    assert load.stream(still_open) == verdict


# A whole transfer, with one thing that is otherwise in the answer.


@pytest.mark.parametrize(
    ("change", "check", "kind"),
    [
        ({"still_open": False}, "stream", Kind.REFUSED),
        ({"report": {}}, "report", Kind.NAMES),
        ({"state": {}}, "state", Kind.BITS),
        ({"refused": Thrown("System.Exception", "no")}, "outcome", Kind.REFUSED),
    ],
)
def test_what_is_otherwise_in_an_answer_is_seen(
    make_job: MakeJob, change: dict[str, object], check: str, kind: Kind
) -> None:
    job = make_job("load/report/stream/f32", "load")

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, LoadInto)
        return msgspec.structs.replace(honestly(job, call), **change)

    found = transfer(with_peer(job, answer), "load", PYTHON_TO_DOTNET)
    assert found.verdicts[check].kind is kind
    assert found.artifact == job.artifact
    others = {other: verdict.kind for other, verdict in found.verdicts.items() if other != check}
    expected = Kind.NOT_RUN if check == "outcome" else Kind.PASS
    assert others == {**dict.fromkeys(others, expected), **({"state": Kind.PASS} if check != "state" else {})}


@pytest.mark.parametrize(("cut", "trailing", "left"), [(1, 0, b"ab"), (0, 1, b"abc\0"), (0, 0, b"abc")])
def test_a_damaged_file_lacks_bytes_or_has_too_many(cut: int, trailing: int, left: bytes) -> None:
    assert load.damaged(replace(SKIPS, cut=cut, trailing=trailing), b"abc") == left


@pytest.mark.parametrize(("from_end", "left"), [(1, b"abcXY"), (2, b"abXYd"), (4, b"XYbcd")])
def test_of_a_damaged_file_one_byte_can_be_others(from_end: int, left: bytes) -> None:
    assert load.damaged(replace(SKIPS, changed=(from_end, b"XY"), cut=0, trailing=0), b"abcd") == left


def test_nothing_is_left_of_a_file_that_is_cut_by_more_than_it_has() -> None:
    assert load.damaged(replace(SKIPS, cut=9), b"abc") == b""


def test_a_load_is_asked_for_as_the_case_describes_it(make_job: MakeJob) -> None:
    peer = HonestPeer(SKIPS)
    transfer(make_job(CASE.id, "load", peer), "load", PYTHON_TO_DOTNET)
    (call,) = peer.calls
    assert isinstance(call, LoadInto)
    assert (call.overload, call.given_as, call.strict, call.skip, call.report) == (
        "load",
        SKIPS.given_as,
        SKIPS.strict,
        SKIPS.skip,
        True,
    )


@pytest.mark.parametrize(
    ("case_id", "checks"),
    [
        ("load/all/f32", ("outcome", "state")),
        ("load/one-way/f32", ("outcome", "state", "stream")),
        ("load/report/lax/f32", ("outcome", "state", "report")),
        ("load/report/stream/f32", ("outcome", "state", "stream", "report")),
        ("load/report/duplicate/f32", ("outcome", "state")),
    ],
)
def test_streams_and_reports_have_checks_of_their_own(case_id: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["load"].checks_of(load_catalogue()[case_id], PYTHON_TO_DOTNET) == checks


def test_a_fault_predicts_what_memory_holds(make_job: MakeJob) -> None:
    job = make_job("load/report/stream/f32", "load")
    (name, tensor), *_ = job.entries

    def answer(call: AnyCall) -> AnyAnswer:
        found: LoadedInto = honestly(job, call)
        return msgspec.structs.replace(found, state={**found.state, name: tensor_digest(tensor)})

    verdict = transfer(with_peer(job, answer), "load", PYTHON_TO_DOTNET).verdicts["state"]
    assert verdict.kind is Kind.BITS
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted(each) for each in ([f"kept {name}"], [])] == [True, False]


def test_what_dotnet_is_not_asked_for_gives_the_artifact_too(make_job: MakeJob) -> None:
    job = make_job("load/report/stream/f32", "load", WithoutDotnet())
    assert transfer(job, "load", PYTHON_TO_DOTNET).artifact == job.artifact
