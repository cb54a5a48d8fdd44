"""``tscompat merge``: what it writes, prints and returns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from typer.testing import CliRunner, Result

from records import ENVIRONMENT, FAILURE, a_record
from tscompat.cli import app
from tscompat.resources.repeat import repeat
from tscompat.results.file import NOTHING_DECIDED, Part, ResultsFile, Timing, load_results
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

TIMING = Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1)
GOOD = a_record(case="a/1")


def shard(path: Path, number: int, *records: Record, of: list[Record], complete: bool = True) -> str:
    file = ResultsFile(path, ENVIRONMENT, Part.of(f"{number}/2", [record.id for record in of]))
    for each in records:
        file.add(each)
    file.finish(complete, TIMING)
    return str(path)


def merged(out: Path, *shards: str) -> Result:
    return CliRunner().invoke(app, ["merge", *shards, "--out", str(out)])


@pytest.mark.parametrize(("second", "code"), [(a_record(case="a/2"), 0), (FAILURE, 1)], ids=["green", "red"])
def test_the_whole_run_is_written_and_shown(tmp_path: Path, second: Record, code: int) -> None:
    of = [GOOD, second]
    files = [shard(tmp_path / str(i) / "results.json", i, record, of=of) for i, record in enumerate(of, 1)]
    ended = merged(tmp_path / "out", *files)
    assert ended.exit_code == code, ended.output
    whole = load_results(tmp_path / "out" / "results.json")
    assert ([record.id for record in whole.verdicts], whole.part, whole.complete) == ([GOOD.id, second.id], None, True)
    assert ended.output.splitlines()[-2:] == [
        str(file := tmp_path / "out" / "results.json"),
        f"as a page: {repeat('report', [str(file)])}",
    ]


def test_kept_files_are_named_from_the_merged_file(tmp_path: Path) -> None:
    kept = tmp_path / "2" / FAILURE.files[0]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kept")
    of = [GOOD, FAILURE]
    files = [shard(tmp_path / str(i) / "results.json", i, record, of=of) for i, record in enumerate(of, 1)]
    merged(tmp_path / "out", *files)
    _, record = load_results(tmp_path / "out" / "results.json").verdicts
    assert (tmp_path / "out" / record.files[0]).read_bytes() == b"kept"


def test_a_shard_that_is_missing_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    ended = merged(tmp_path / "out", shard(tmp_path / "1.json", 1, GOOD, of=[GOOD]))
    assert (ended.exit_code, "could not run: found no shard 2/2" in ended.output) == (2, True)
    assert not (tmp_path / "out" / "results.json").exists()


def test_shards_that_did_not_end_are_no_whole_run(tmp_path: Path) -> None:
    files = [shard(tmp_path / f"{i}.json", i, of=[GOOD], complete=i == 1) for i in (1, 2)]
    ended = merged(tmp_path / "out", *files)
    assert (ended.exit_code, "The run stopped before its end: 0 verdicts are decided" in ended.output) == (2, True)


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}", encoding="utf-8")
    ended = merged(tmp_path / "out", str(tmp_path / "no.json"))
    assert (ended.exit_code, "no.json: the file: 'schema' is a required" in ended.output) == (2, True)


def test_kept_files_on_another_drive_are_named_from_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has drives, between which no relative path leads."""

    def no_path(path: Path, start: Path) -> NoReturn:
        raise ValueError(f"path is on mount 'C:', start on mount '{start.drive}'")

    monkeypatch.setattr(os.path, "relpath", no_path)
    of = [GOOD, FAILURE]
    files = [shard(tmp_path / str(i) / "results.json", i, record, of=of) for i, record in enumerate(of, 1)]
    merged(tmp_path / "out", *files)
    _, record = load_results(tmp_path / "out" / "results.json").verdicts
    assert record.files[0] == (tmp_path / "2" / FAILURE.files[0]).as_posix()


def test_a_problem_alone_is_exit_code_1(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "1.json", ENVIRONMENT, Part.of("1/1", [GOOD.id]))
    file.add(GOOD)
    file.finish(True, TIMING, ["no proof"])
    assert merged(tmp_path / "out", str(tmp_path / "1.json")).exit_code == 1


def test_shards_that_decide_nothing_are_could_not_run(tmp_path: Path) -> None:
    not_run = Verdict(Kind.NOT_RUN, "no"), Judgement(Outcome.NOT_RUN)
    records = [a_record(case=f"a/{number}", verdict=not_run[0], judgement=not_run[1]) for number in (1, 2)]
    files = [shard(tmp_path / f"{i}.json", i, record, of=records) for i, record in enumerate(records, 1)]
    ended = merged(tmp_path / "out", *files)
    assert ended.exit_code == 2
    assert load_results(tmp_path / "out" / "results.json").problems == (NOTHING_DECIDED,)


def test_shards_of_another_suite_are_refused(tmp_path: Path) -> None:
    of = [GOOD, a_record(case="a/2")]
    other = msgspec.structs.replace(ENVIRONMENT, suite=f"sha256:{64 * '1'}")
    files = [shard(tmp_path / "1.json", 1, of[0], of=of)]
    second = ResultsFile(tmp_path / "2.json", other, Part.of("2/2", [record.id for record in of]))
    second.add(of[1])
    second.finish(True, TIMING)
    ended = merged(tmp_path / "out", *files, str(tmp_path / "2.json"))
    assert (ended.exit_code, "suite sha256:" in ended.output) == (2, True)


def test_no_shard_is_written_over(tmp_path: Path) -> None:
    file = shard(tmp_path / "1" / "results.json", 1, GOOD, of=[GOOD])
    before = Path(file).read_bytes()
    ended = merged(tmp_path / "1", file)
    assert (ended.exit_code, Path(file).read_bytes()) == (2, before)


def test_a_shard_that_is_given_twice_is_named(tmp_path: Path) -> None:
    file = shard(tmp_path / "1.json", 1, GOOD, of=[GOOD])
    assert f"{file} is given twice" in merged(tmp_path / "out", file, file).output
