"""The verdicts of loads whose names TorchSharp refuses, from what the load without strict gave."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import MakeJob
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import Loaded, Thrown
from tscompat.python_side.torch_tensors import poison
from tscompat.routes import Job, judging
from tscompat.routes.dotnet_half import RefusedLoad
from tscompat.values.compare import compare
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind

THROWN = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected 2, but found 3 entries.")
REFUSAL = f"{THROWN.type_name}: {THROWN.message}"


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job("tied/apart/f32", "dat")


def loaded(job: Job[Any], memory: StateDict) -> Loaded:
    """What an honest peer answers where this is .NET's memory."""
    names = {name for name, _ in memory}
    return Loaded(
        differences=tuple(compare(job.entries, memory)),
        missing=tuple(name for name, _ in job.entries if name not in names),
        unexpected=(),
        digest=digest(memory),
        quantizer=(0.5, 3),
    )


def refused(job: Job[Any], lax: Loaded | Thrown) -> tuple[Kind, str]:
    verdict = judging.refused(RefusedLoad(THROWN, lax), job)
    return verdict.kind, verdict.detail


def test_equal_entries_leave_the_refusal(job: Job[Any]) -> None:
    expected = f"{REFUSAL}; without strict: missing 'decoder.weight'; the other 2 are equal"
    assert refused(job, loaded(job, job.entries[:2])) == (Kind.REFUSED, expected)


def test_nothing_missing_leaves_the_refusal(job: Job[Any]) -> None:
    assert refused(job, loaded(job, job.entries)) == (
        Kind.REFUSED,
        f"{REFUSAL}; without strict: all entries are equal",
    )


def test_an_entry_that_was_not_loaded_is_a_difference_of_bits(job: Job[Any]) -> None:
    first, second, _ = job.entries
    kind, detail = refused(job, loaded(job, [first, Entry(second.name, poison(second.tensor))]))
    assert kind is Kind.BITS
    assert detail.startswith("element [0] of 'bias' (f32): expected ")
    assert detail.endswith(f"; missing 'decoder.weight'; this is without strict, which refuses: {REFUSAL}")


def test_a_second_refusal_is_stated_too(job: Job[Any]) -> None:
    again = Thrown("System.IO.EndOfStreamException", "no more")
    expected = f"{REFUSAL}; without strict too: System.IO.EndOfStreamException: no more"
    assert refused(job, again) == (Kind.REFUSED, expected)


def test_a_peer_that_did_not_read_the_other_entries_is_found_out(job: Job[Any]) -> None:
    (names,) = compare(job.entries, job.entries[:2])
    held = digest(job.entries[:1])
    lying = Loaded(differences=(names,), missing=("decoder.weight",), unexpected=(), digest=held, quantizer=None)
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        refused(job, lying)


def test_the_quantizer_of_a_refused_load_is_refused(job: Job[Any]) -> None:
    verdicts = judging.arrived(RefusedLoad(THROWN, loaded(job, job.entries[:2])), job)
    assert (verdicts["quantizer"].kind, verdicts["quantizer"].detail) == (Kind.REFUSED, REFUSAL)


@pytest.mark.parametrize(
    ("only", "detail"),
    [
        ({Kind.NAMES, Kind.BITS}, "missing 'decoder.weight'; the other 2 are equal"),
        ({Kind.NAMES, Kind.ORDER}, "entry 0: expected 'encoder.weight', found 'bias'; missing 'decoder.weight'"),
    ],
)
def test_what_a_file_holds_is_judged_though_an_entry_is_missing(job: Job[Any], only: set[Kind], detail: str) -> None:
    assert judging.held(job.entries[1::-1], job, only).detail == detail
