"""Several results.json as one: of versions side by side, or of shards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from tscompat.results.environment import Library
from tscompat.results.file import NOTHING_DECIDED, Part, Results, ResultsError, Timing, load_results, save_results
from tscompat.results.merge import Piece, merge, merge_shards, read_piece, shown_path
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

NEW = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0-dev", sha256=ZEROS))
OF_NEW = msgspec.structs.replace(FAILURE, environment=NEW.key)


def run(*verdicts: Record, **fields: Any) -> Results:
    """The results of a run in the environments of its verdicts."""
    environments = {each.key: each for each in (ENVIRONMENT, NEW)}
    given: dict[str, Any] = {
        "complete": True,
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "environments": {record.environment: environments[record.environment] for record in verdicts},
        "timing": Timing(harness_seconds=1.0, torchsharp_seconds=0.5, wall_seconds=2.0, cores=2),
        "part": None,
        "problems": (),
    }
    return Results(schema=4, verdicts=verdicts, **{**given, **fields})


def pieces(runs: Mapping[str, Results]) -> list[Piece]:
    return [Piece(name, name, results) for name, results in runs.items()]


def test_two_versions_with_the_same_ids_stand_in_one_file(tmp_path: Path) -> None:
    merged = merge(pieces({"old": run(FAILURE), "new": run(OF_NEW)}))
    assert [*merged.environments.values()] == [ENVIRONMENT, NEW]
    assert [(record.environment, record.id) for record in merged.verdicts] == [
        (ENVIRONMENT.key, FAILURE.id),
        (NEW.key, FAILURE.id),
    ]
    save_results(merged, tmp_path / "results.json")
    assert load_results(tmp_path / "results.json") == merged


def test_shards_of_one_environment_stand_in_one_file() -> None:
    merged = merge(pieces({"1": run(a_record(case="a/1")), "2": run(a_record(case="a/2"))}))
    assert ([*merged.environments], [record.case for record in merged.verdicts]) == ([ENVIRONMENT.key], ["a/1", "a/2"])


def test_of_machines_of_one_kind_the_first_is_named() -> None:
    other = msgspec.structs.replace(ENVIRONMENT, cpus=64)
    second = run(a_record(case="a/2"), environments={other.key: other})
    merged = merge(pieces({"1": run(a_record(case="a/1")), "2": second}))
    assert [*merged.environments.values()] == [ENVIRONMENT]


def test_kept_files_are_named_from_the_merged_file_and_nothing_else_changes() -> None:
    (record,) = merge(pieces({"old": run(FAILURE)})).verdicts
    assert record.files == ("old/failures/1/expected.dat", "old/failures/1/actual.dat")
    assert msgspec.structs.replace(record, files=FAILURE.files) == FAILURE


def test_a_verdict_that_two_have_is_refused() -> None:
    with pytest.raises(ResultsError) as refused:
        merge(pieces({"1": run(FAILURE), "2": run(FAILURE)}))
    assert str(refused.value) == (
        f"1 and 2: found {FAILURE.id} in both for the environment {ENVIRONMENT.key}; expected it in one: merge runs of "
        "other versions, or of other ids"
    )


@pytest.mark.parametrize(("one", "two", "whole"), [(True, True, True), (True, False, False), (False, True, False)])
def test_the_whole_is_complete_if_all_are(one: bool, two: bool, whole: bool) -> None:
    assert merge(pieces({"1": run(FAILURE, complete=one), "2": run(OF_NEW, complete=two)})).complete is whole


def test_problems_name_the_run_and_those_of_the_whole_make_it_incomplete() -> None:
    merged = merge(pieces({"1": run(FAILURE, problems=("it broke",)), "2": run(OF_NEW)}), ["3 could not run"])
    assert (merged.problems, merged.complete) == (("1: it broke", "3 could not run"), False)


def test_it_began_with_the_first_and_ended_with_the_last() -> None:
    later = {"started": "2026-01-01T00:02:00+00:00", "finished": "2026-01-01T00:03:00+00:00"}
    merged = merge(pieces({"1": run(OF_NEW, **later), "2": run(FAILURE)}))
    assert (merged.started, merged.finished) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:03:00+00:00")


def test_without_the_end_of_one_it_has_no_end() -> None:
    merged = merge(pieces({"1": run(FAILURE, finished=None, timing=None, complete=False), "2": run(OF_NEW)}))
    assert (merged.finished, merged.timing) == (None, run().timing)


def test_times_are_added() -> None:
    more = Timing(harness_seconds=2.0, torchsharp_seconds=1.0, wall_seconds=4.0, cores=1)
    merged = merge(pieces({"1": run(FAILURE), "2": run(OF_NEW, timing=more)}))
    assert merged.timing == Timing(harness_seconds=3.0, torchsharp_seconds=1.5, wall_seconds=6.0, cores=2)


def test_times_have_milliseconds() -> None:
    fine = Timing(harness_seconds=0.12345, torchsharp_seconds=0.22345, wall_seconds=0.32345, cores=1)
    found = merge(pieces({"1": run(FAILURE, timing=fine)})).timing
    assert found == Timing(harness_seconds=0.123, torchsharp_seconds=0.223, wall_seconds=0.323, cores=1)


def test_without_times_there_are_none() -> None:
    assert merge(pieces({"1": run(FAILURE, timing=None)})).timing is None


def test_a_problem_that_all_have_is_named_once() -> None:
    one, two, three = ("all", "one"), ("all",), ("one", "all")
    runs = {"1": run(problems=one), "2": run(FAILURE, problems=two), "3": run(OF_NEW, problems=three)}
    assert merge(pieces(runs)).problems == ("all", "1, 3: one")


def test_a_problem_of_both_of_two_is_named_once() -> None:
    both = {"1": run(FAILURE, problems=("both",)), "2": run(OF_NEW, problems=("both",))}
    assert merge(pieces(both)).problems == ("both",)


def test_the_problem_of_the_only_run_is_named_with_it() -> None:
    assert merge(pieces({"1": run(FAILURE, problems=("one",))})).problems == ("1: one",)


def test_versions_of_the_same_shard_are_that_shard() -> None:
    part = Part.of("1/2", [FAILURE.id])
    assert merge(pieces({"old": run(FAILURE, part=part), "new": run(OF_NEW, part=part)})).part == part
    assert merge(pieces({"old": run(FAILURE, part=part), "new": run(OF_NEW)})).part is None


RECORDS = [a_record(case=f"a/{number}") for number in range(3)]
IDS = [record.id for record in RECORDS]
OTHER = "of another run than that of one (1/3): run all shards of one commit with the same options"


def shard(number: int, *records: Record, of: int = 3, whole: list[str] = IDS, **fields: Any) -> Results:
    part = Part.of(f"{number}/{of}", whole)
    return run(*records, **{"environments": {ENVIRONMENT.key: ENVIRONMENT}, **fields}, part=part)


def shards(**changed: Results) -> list[Piece]:
    """Three shards of a run of three verdicts, the second of which is empty."""
    of_run = {"one": shard(1, *RECORDS[:2]), "two": shard(2), "three": shard(3, RECORDS[2])}
    return pieces({**of_run, **changed})


def test_all_shards_are_the_whole_run() -> None:
    whole = merge_shards(shards())
    assert (whole.complete, whole.part, [record.id for record in whole.verdicts]) == (True, None, IDS)


def test_one_shard_of_one_is_the_whole_run() -> None:
    assert merge_shards(pieces({"one": shard(1, *RECORDS, of=1)})).part is None


def test_shards_may_come_in_any_order() -> None:
    assert merge_shards(shards()[::-1]).complete


def test_a_shard_that_did_not_end_makes_the_whole_incomplete() -> None:
    whole = merge_shards(shards(one=shard(1, RECORDS[0], complete=False)))
    assert (whole.complete, len(whole.verdicts)) == (False, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"two": run(RECORDS[2])}, "two: found a whole run; expected one of tscompat run --shard"),
        ({"two": shard(2, of=4)}, f"two: found shard 2/4 {OTHER}"),
        ({"two": shard(2, whole=IDS[:2])}, f"two: found shard 2/3 {OTHER}"),
        (
            {"two": shard(1, RECORDS[2])},
            "found shard 1/3 in one and two; found no shard 2/3: expected each of 3 once",
        ),
        ({"four": shard(3)}, "found shard 3/3 in three and four: expected each of 3 once"),
        (
            {"three": shard(3, environments={NEW.key: NEW})},
            f"three: found the environment {NEW.key}; expected {ENVIRONMENT.key}, that of one: run all shards with the "
            "same versions",
        ),
        (
            {"three": shard(3, environments={NEW.key: NEW, ENVIRONMENT.key: ENVIRONMENT})},
            f"three: found the environment {NEW.key}, {ENVIRONMENT.key}; expected {ENVIRONMENT.key}, that of one",
        ),
        (
            {"one": shard(1, *RECORDS[:2], environments={NEW.key: NEW, ENVIRONMENT.key: ENVIRONMENT})},
            f"two: found the environment {ENVIRONMENT.key}; expected {NEW.key}, {ENVIRONMENT.key}, that of one",
        ),
        (
            {"three": shard(3)},
            f"found 2 verdicts for the environment {ENVIRONMENT.key}, which are not those of the whole",
        ),
        ({"two": shard(2, RECORDS[2])}, f"two and three: found {IDS[2]} in both for the environment"),
    ],
    ids=[
        "whole",
        "another number",
        "other options",
        "doubled",
        "doubled alone",
        "environment",
        "one more",
        "one less",
        "lost",
        "the same id",
    ],
)
def test_what_is_not_all_shards_of_one_run_is_refused(given: dict[str, Results], words: str) -> None:
    with pytest.raises(ResultsError) as refused:
        merge_shards(shards(**given))
    assert str(refused.value).startswith(words)


def test_missing_shards_are_named_in_their_order() -> None:
    of_twelve = [Piece("one", "one", shard(3, RECORDS[0], of=12))]
    with pytest.raises(ResultsError, match=r"^found no shard 1/12; found no shard 2/12; found no shard 4/12; .*10/12"):
        merge_shards(of_twelve)


NOTHING = a_record(case="a/0", verdict=Verdict(Kind.NOT_RUN, "no"), judgement=Judgement(Outcome.NOT_RUN))


def test_shards_that_decide_nothing_have_that_problem_beside_their_own() -> None:
    undecided = shard(1, NOTHING, of=1, whole=[NOTHING.id], problems=("no proof",))
    assert merge_shards(pieces({"one": undecided})).problems == ("one: no proof", NOTHING_DECIDED)


def test_shards_that_decide_something_or_stopped_have_no_such_problem() -> None:
    assert merge_shards(shards()).problems == ()
    stopped = shard(1, NOTHING, of=1, whole=[NOTHING.id], complete=False)
    assert merge_shards(pieces({"one": stopped})).problems == ()


def test_a_file_that_is_given_twice_is_named() -> None:
    with pytest.raises(ResultsError, match=r"^one is given twice; expected each shard once$"):
        merge_shards([*shards(), *shards()])


def test_shards_of_another_suite_are_refused_with_both() -> None:
    other = msgspec.structs.replace(ENVIRONMENT, tscompat="0.2.0")
    words = r"^two and one: found torchsharp-compat 0\.2\.0 and 0\.1\.0: run all shards with the same versions$"
    with pytest.raises(ResultsError, match=words):
        merge_shards(shards(two=shard(2, environments={other.key: other})))


def test_a_piece_has_its_file_its_folder_and_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    save_results(run(FAILURE), tmp_path / "one" / "results.json")
    monkeypatch.chdir(tmp_path)
    found = read_piece(Path("one/results.json"), Path("out"))
    assert found == ("one/results.json", "../one", run(FAILURE))


def test_a_piece_on_another_drive_has_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def relpath(path: Path, start: Path) -> str:
        assert (path, start) == (tmp_path, tmp_path / "out")
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    save_results(run(FAILURE), tmp_path / "results.json")
    monkeypatch.setattr(os.path, "relpath", relpath)
    assert read_piece(tmp_path / "results.json", tmp_path / "out").folder == tmp_path.as_posix()


def test_what_is_no_text_in_a_path_is_escaped() -> None:
    assert shown_path(Path("a\udcff/b")) == "a\\udcff/b"
