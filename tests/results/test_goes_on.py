"""Which divergences a run has seen to go on in a version that no entry names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from records import ENVIRONMENT, ZEROS, a_record
from tscompat.results.environment import Environment, Library
from tscompat.results.file import Results
from tscompat.results.goes_on import Observed, goes_on
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome
from verdicts.entry import CAUSE, divergence

NEW = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0-dev", sha256=ZEROS))
ENTRIES = {name: divergence(name).entry for name in ("no-c32", "not-met")} | {
    "named": divergence("named", ("TorchSharp 0.107.0", "libtorch 2.10.0")).entry,
    "of-both": divergence("of-both", ("TorchSharp 0.107.0", "torch 2.12")).entry,
}


OTHER = msgspec.structs.replace(NEW, device="a device")
IDS = {name: [a_record(case="a/1").id] for name in ENTRIES}
VERSION = "TorchSharp 0.108.0-dev"


def seen(
    name: str,
    outcome: Outcome,
    case: str = "a/1",
    assumed: str = "TorchSharp 0.107.0",
    environment: Environment = NEW,
) -> Record:
    verdict = Verdict({Outcome.PASSED: Kind.PASS, Outcome.NOT_RUN: Kind.NOT_RUN}.get(outcome, Kind.BITS))
    judgement = Judgement(outcome, name, CAUSE, assumed)
    return a_record(case=case, verdict=verdict, judgement=judgement, environment=environment)


def observed(
    *verdicts: Record, ids: Mapping[str, Sequence[str]] = IDS, environments: Sequence[Environment] = (NEW, OTHER)
) -> list[Observed]:
    results = Results(
        schema=4,
        complete=True,
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:01:00+00:00",
        environments={each.key: each for each in environments},
        timing=None,
        part=None,
        problems=(),
        verdicts=verdicts,
    )
    return goes_on(results, ENTRIES, ids)


def test_what_every_verdict_shows_goes_on() -> None:
    found = observed(seen("no-c32", Outcome.DIVERGENCE), seen("no-c32", Outcome.DIVERGENCE, "a/2"))
    assert found == [Observed("no-c32", VERSION, 2, "")]


@pytest.mark.parametrize(
    ("outcome", "against"),
    [
        (Outcome.PASSED, "1 of its 2 verdicts passed, the first dat/python-to-dotnet/cpu/a/2/bits"),
        (
            Outcome.FAILED,
            "1 of its 2 verdicts are otherwise than it predicts, the first dat/python-to-dotnet/cpu/a/2/bits",
        ),
    ],
)
def test_what_one_verdict_does_not_show_does_not(outcome: Outcome, against: str) -> None:
    found = observed(seen("no-c32", Outcome.DIVERGENCE), seen("no-c32", outcome, "a/2"))
    assert found == [Observed("no-c32", VERSION, 1, against)]


def test_a_part_of_what_an_entry_covers_shows_nothing() -> None:
    ids = {"no-c32": [a_record(case=f"a/{number}").id for number in range(1, 4)]}
    (found,) = observed(seen("no-c32", Outcome.DIVERGENCE), ids=ids)
    words = f"2 of its 3 ids have no verdict in this run, the first {ids['no-c32'][1]}: run all that it covers"
    assert found.against.startswith(words)


def test_what_cannot_run_here_and_what_another_fault_masks_is_not_missing() -> None:
    ids = {"no-c32": [a_record(case=f"a/{number}").id for number in range(1, 4)]}
    masked = seen("of-a-script", Outcome.DIVERGENCE, "a/3", assumed="")
    (found,) = observed(seen("no-c32", Outcome.DIVERGENCE), seen("", Outcome.NOT_RUN, "a/2"), masked, ids=ids)
    assert found.against == ""


@pytest.mark.parametrize(("one", "other"), [(NEW, OTHER), (OTHER, NEW)], ids=["second", "first"])
def test_what_one_environment_shows_another_can_refute(one: Environment, other: Environment) -> None:
    verdicts = [
        seen("no-c32", Outcome.DIVERGENCE, environment=one),
        seen("no-c32", Outcome.PASSED, environment=other),
    ]
    assert [each.against[:22] for each in observed(*verdicts)] == ["1 of its 1 verdicts pa"]


def test_what_another_environment_shows_is_not_missing_here() -> None:
    ids = {"no-c32": [a_record(case=f"a/{number}").id for number in range(1, 3)]}
    other = seen("no-c32", Outcome.DIVERGENCE, "a/2", environment=OTHER)
    (found,) = observed(seen("no-c32", Outcome.DIVERGENCE), other, ids=ids)
    assert " ids have no verdict in this run" in found.against


def test_what_one_environment_shows_is_of_its_own_version() -> None:
    """The first runs a version that entries name."""
    found = observed(seen("no-c32", Outcome.DIVERGENCE), environments=(ENVIRONMENT, NEW))
    assert [(each.version, each.verdicts) for each in found] == [(VERSION, 1)]


def test_a_version_that_is_named_is_not_observed() -> None:
    (found,) = observed(seen("named", Outcome.DIVERGENCE))
    assert found.version == VERSION


def test_an_entry_gets_the_new_version_of_each_of_its_packages() -> None:
    found = observed(seen("of-both", Outcome.DIVERGENCE))
    assert [each.version for each in found] == [VERSION, "torch 2.13"]


def test_an_entry_that_names_the_version_needs_no_other() -> None:
    assert observed(seen("no-c32", Outcome.DIVERGENCE, assumed="")) == []
