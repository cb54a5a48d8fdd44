"""Which divergences a run has seen to go on in a version that no entry names."""

from __future__ import annotations

import msgspec

from records import ENVIRONMENT, ZEROS, a_record
from tscompat.results.environment import Library
from tscompat.results.file import Results
from tscompat.results.goes_on import GoesOn, goes_on
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome
from verdicts.entry import CAUSE, divergence

NEW = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0-dev", sha256=ZEROS))
ENTRIES = {name: divergence(name).entry for name in ("no-c32", "gone", "in-part", "not-met")} | {
    "of-both": divergence("of-both", ("TorchSharp 0.107.0", "torch 2.12")).entry
}


def seen(name: str, outcome: Outcome, case: str, assumed: bool = True) -> Record:
    verdict = Verdict(Kind.PASS if outcome is Outcome.PASSED else Kind.BITS)
    return a_record(case=case, verdict=verdict, judgement=Judgement(outcome, name, CAUSE, assumed), environment=NEW)


def results(*verdicts: Record) -> Results:
    return Results(
        schema=3,
        complete=True,
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:01:00+00:00",
        environments={NEW.key: NEW},
        timing=None,
        problems=(),
        verdicts=verdicts,
    )


def test_what_every_verdict_shows_goes_on() -> None:
    found = goes_on(
        results(seen("no-c32", Outcome.DIVERGENCE, "a/1"), seen("no-c32", Outcome.DIVERGENCE, "a/2")), ENTRIES
    )
    assert found == [GoesOn("no-c32", ("TorchSharp 0.108.0-dev",), 2)]


def test_what_one_verdict_does_not_show_does_not() -> None:
    verdicts = (
        *(seen("gone", Outcome.PASSED, "a/1"), seen("in-part", Outcome.PASSED, "a/2")),
        *(seen("in-part", Outcome.DIVERGENCE, "a/3"), seen("no-c32", Outcome.FAILED, "a/4")),
    )
    assert goes_on(results(*verdicts), ENTRIES) == []


def test_an_entry_gets_the_new_version_of_each_of_its_packages() -> None:
    (found,) = goes_on(results(seen("of-both", Outcome.DIVERGENCE, "a/1")), ENTRIES)
    assert found.versions == ("TorchSharp 0.108.0-dev", "torch 2.13")


def test_an_entry_that_names_the_version_needs_no_other() -> None:
    assert goes_on(results(seen("no-c32", Outcome.DIVERGENCE, "a/1", assumed=False)), ENTRIES) == []
