"""Several results.json as one: of versions side by side, or of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from tscompat.results.environment import Library
from tscompat.results.file import Results, ResultsError, Timing, load_results, save_results
from tscompat.results.merge import merge
from tscompat.results.record import Record

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
        "problems": (),
    }
    return Results(schema=3, verdicts=verdicts, **{**given, **fields})


def test_two_versions_with_the_same_ids_stand_in_one_file(tmp_path: Path) -> None:
    merged = merge({"old": run(FAILURE), "new": run(OF_NEW)})
    assert [*merged.environments.values()] == [ENVIRONMENT, NEW]
    assert [(record.environment, record.id) for record in merged.verdicts] == [
        (ENVIRONMENT.key, FAILURE.id),
        (NEW.key, FAILURE.id),
    ]
    save_results(merged, tmp_path / "results.json")
    assert load_results(tmp_path / "results.json") == merged


def test_shards_of_one_environment_stand_in_one_file() -> None:
    merged = merge({"1": run(a_record(case="a/1")), "2": run(a_record(case="a/2"))})
    assert ([*merged.environments], [record.case for record in merged.verdicts]) == ([ENVIRONMENT.key], ["a/1", "a/2"])


def test_of_machines_of_one_kind_the_first_is_named() -> None:
    other = msgspec.structs.replace(ENVIRONMENT, cpus=64)
    merged = merge({"1": run(a_record(case="a/1")), "2": run(a_record(case="a/2"), environments={other.key: other})})
    assert [*merged.environments.values()] == [ENVIRONMENT]


def test_kept_files_are_named_from_the_merged_file_and_nothing_else_changes() -> None:
    (record,) = merge({"old": run(FAILURE)}).verdicts
    assert record.files == ("old/failures/1/expected.dat", "old/failures/1/actual.dat")
    assert msgspec.structs.replace(record, files=FAILURE.files) == FAILURE


def test_a_verdict_that_two_have_is_refused() -> None:
    with pytest.raises(ResultsError, match=f"1 and 2: found {FAILURE.id} in both for the environment"):
        merge({"1": run(FAILURE), "2": run(FAILURE)})


@pytest.mark.parametrize(("one", "two", "whole"), [(True, True, True), (True, False, False), (False, True, False)])
def test_the_whole_is_complete_if_all_are(one: bool, two: bool, whole: bool) -> None:
    assert merge({"1": run(FAILURE, complete=one), "2": run(OF_NEW, complete=two)}).complete is whole


def test_problems_name_the_run_and_those_of_the_whole_make_it_incomplete() -> None:
    merged = merge({"1": run(FAILURE, problems=("it broke",)), "2": run(OF_NEW)}, ["3 could not run"])
    assert (merged.problems, merged.complete) == (("1: it broke", "3 could not run"), False)


def test_it_began_with_the_first_and_ended_with_the_last() -> None:
    later = {"started": "2026-01-01T00:02:00+00:00", "finished": "2026-01-01T00:03:00+00:00"}
    merged = merge({"1": run(OF_NEW, **later), "2": run(FAILURE)})
    assert (merged.started, merged.finished) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:03:00+00:00")


def test_without_the_end_of_one_it_has_no_end() -> None:
    merged = merge({"1": run(FAILURE, finished=None, timing=None, complete=False), "2": run(OF_NEW)})
    assert (merged.finished, merged.timing) == (None, run().timing)


def test_times_are_added() -> None:
    more = Timing(harness_seconds=2.0, torchsharp_seconds=1.0, wall_seconds=4.0, cores=1)
    merged = merge({"1": run(FAILURE), "2": run(OF_NEW, timing=more)})
    assert merged.timing == Timing(harness_seconds=3.0, torchsharp_seconds=1.5, wall_seconds=6.0, cores=2)


def test_without_times_there_are_none() -> None:
    assert merge({"1": run(FAILURE, timing=None)}).timing is None
