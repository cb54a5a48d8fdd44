"""What differs between two runs, and what is a regression."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from records import ENVIRONMENT, ZEROS, a_record
from tscompat.results.comparison import Baseline, Change, compare, load, save
from tscompat.results.environment import Library
from tscompat.results.file import Results, ResultsError, ResultsFile, Timing
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

PATH = Path("results.json")
OUTCOMES = {"P": Outcome.PASSED, "d": Outcome.DIVERGENCE, "F": Outcome.FAILED, "n": Outcome.NOT_RUN}


def record(letter: str, detail: str = "…") -> Record:
    """A verdict of one case: passed, a known divergence, failed or not run."""
    kind = {"P": Kind.PASS, "n": Kind.NOT_RUN}.get(letter, Kind.BITS)
    return a_record(verdict=Verdict(kind, detail), judgement=Judgement(OUTCOMES[letter]))


def results(*verdicts: Record, complete: bool = True, problems: tuple[str, ...] = ()) -> Results:
    return Results(
        part=None,
        schema=4,
        complete=complete,
        started="2026-01-01T00:00:00+00:00",
        finished=None,
        environments={ENVIRONMENT.key: ENVIRONMENT},
        timing=None,
        problems=problems,
        verdicts=verdicts,
    )


def run(*verdicts: Record) -> Baseline:
    return Baseline.of(results(*verdicts), PATH)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        *(("P", "F", "regression"), ("d", "F", "regression"), ("n", "F", "regression"), ("", "F", "regression")),
        *(("F", "P", "fixed"), ("F", "d", "fixed"), ("P", "d", "changed"), ("d", "P", "changed")),
        *(("P", "n", "not run any more"), ("F", "n", "not run any more"), ("n", "P", "run now"), ("n", "d", "run now")),
        *(("", "P", "new"), ("", "n", "new"), ("P", "", "gone"), ("n", "", "gone")),
    ],
)
def test_a_change_has_its_kind(before: str, after: str, what: str) -> None:
    old, new = (run(*(record(letter) for letter in side)) for side in (before, after))
    assert [change.what for change in compare(old, new)] == [what]


@pytest.mark.parametrize("letter", ["P", "d", "F", "n"])
def test_the_same_is_no_change(letter: str) -> None:
    assert list(compare(run(record(letter)), run(record(letter)))) == []


@pytest.mark.parametrize(("letter", "changes"), [("P", 0), ("d", 1), ("F", 1), ("n", 1)])
def test_another_message_is_a_change_but_of_a_pass(letter: str, changes: int) -> None:
    found = list(compare(run(record(letter, "one")), run(record(letter, "two"))))
    assert [change.what for change in found] == changes * ["changed"]


def test_a_change_names_both_sides() -> None:
    verdict_id = record("P").id
    assert list(compare(run(record("P")), run(record("F")))) == [
        Change("regression", verdict_id, "passed, pass", "failed, bits")
    ]


def test_a_baseline_is_the_run_in_short_and_the_same_bytes(tmp_path: Path) -> None:
    short = run(record("d"), a_record(case="a/b"))
    save(short, tmp_path / "one.json.xz")
    save(run(a_record(case="a/b"), record("d")), tmp_path / "two.json.xz")
    assert load(tmp_path / "one.json.xz") == short
    assert (tmp_path / "one.json.xz").read_bytes() == (tmp_path / "two.json.xz").read_bytes()


def test_a_results_json_is_read_too(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "results.json", ENVIRONMENT)
    file.add(record("d"))
    file.finish(True, Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1))
    assert load(tmp_path / "results.json") == run(record("d"))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xfd7zXZ\0"])
def test_what_is_no_baseline_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json.xz").write_bytes(data)
    with pytest.raises(
        ResultsError, match=r"a\.json\.xz: found no baseline \(.*\); expected one that tscompat bless wrote"
    ):
        load(tmp_path / "a.json.xz")


def test_several_environments_are_refused() -> None:
    other = msgspec.structs.replace(ENVIRONMENT, torch=Library(version="2.14", sha256=ZEROS))
    both = msgspec.structs.replace(results(), environments={each.key: each for each in (ENVIRONMENT, other)})
    with pytest.raises(ResultsError) as refused:
        Baseline.of(both, PATH)
    assert str(refused.value).endswith(
        "results.json: found several environments (torch 2.13.0+cpu; torch 2.14); expected one: take the results.json "
        "of one of them, which lies in a folder beside this file"
    )


def test_the_file_of_several_environments_is_named(tmp_path: Path) -> None:
    other = msgspec.structs.replace(ENVIRONMENT, torch=Library(version="2.14", sha256=ZEROS))
    both = msgspec.structs.replace(results(), environments={each.key: each for each in (ENVIRONMENT, other)})
    (tmp_path / "both.json").write_bytes(msgspec.json.encode(both))
    with pytest.raises(ResultsError) as refused:
        load(tmp_path / "both.json")
    words = "found several environments (torch 2.13.0+cpu; torch 2.14); expected one: take the results.json of one"
    assert str(refused.value).startswith(f"{tmp_path / 'both.json'}: {words}")


def test_a_baseline_is_written_below_folders_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        save(run(record("P")), tmp_path / "a" / "b" / "c.json.xz")
    assert load(tmp_path / "a" / "b" / "c.json.xz") == run(record("P"))


def test_what_is_gone_is_named_with_what_it_was() -> None:
    assert list(compare(run(record("d")), run())) == [Change("gone", record("d").id, "divergence, bits", "")]
    assert list(compare(run(), run(record("d")))) == [Change("new", record("d").id, "", "divergence, bits")]


def test_a_run_that_came_to_its_end_without_problems_has_none() -> None:
    assert run().problems == ()


def test_the_problems_of_a_run_are_kept() -> None:
    stopped = Baseline.of(results(complete=False, problems=("it broke",)), PATH)
    assert stopped.problems == ("it broke", "the run stopped before its end")


def test_versions_and_hashes_are_named() -> None:
    assert run().ran_on == (
        "torch 2.13.0+cpu (sha256:00000000), TorchSharp 0.107.0 (sha256:00000000), libtorch 2.10.0 (sha256:00000000), "
        "linux-x86_64, cpu, tscompat 0.1.0"
    )


def test_a_baseline_is_known_by_its_content_too(tmp_path: Path) -> None:
    save(run(record("P")), tmp_path / "yesterday")
    assert load(tmp_path / "yesterday") == run(record("P"))
