"""``tscompat compare``: what it prints and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from records import ENVIRONMENT, FAILURE, a_record
from tscompat.cli import app
from tscompat.results.comparison import Baseline, save
from tscompat.results.file import ResultsFile, Timing, load_results
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

TIMING = Timing(harness_seconds=0.0, torchsharp_seconds=0.0, wall_seconds=0.0, cores=1)


def written(path: Path, *verdicts: Record, problems: tuple[str, ...] = ()) -> str:
    file = ResultsFile(path, ENVIRONMENT)
    for each in verdicts:
        file.add(each)
    file.finish(True, TIMING, problems)
    return str(path)


def compared(old: str, new: str) -> Result:
    return CliRunner().invoke(app, ["compare", old, new])


def test_two_equal_runs(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", a_record())
    ended = compared(file, file)
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, "no verdict differs")


def test_a_regression_exits_with_1_and_is_named(tmp_path: Path) -> None:
    good = a_record(case="pattern/special/bf16")
    ended = compared(written(tmp_path / "a.json", good), written(tmp_path / "b.json", FAILURE))
    assert ended.exit_code == 1
    assert ended.output.splitlines()[-2:] == [
        "regression (1)",
        "  dat/python-to-dotnet/cpu/pattern/special/bf16/bits: passed, pass → failed, bits",
    ]


def test_the_versions_of_both_come_first(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", a_record())
    lines = compared(file, file).output.splitlines()
    assert [line.split(";")[0] for line in lines[:2]] == ["old: 1 verdicts", "new: 1 verdicts"]


def test_a_baseline_stands_for_the_run(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", a_record())
    save(Baseline.of(load_results(Path(file)), Path(file)), tmp_path / "a.json.xz")
    assert compared(str(tmp_path / "a.json.xz"), file).exit_code == 0


def test_what_is_gone_is_noted(tmp_path: Path) -> None:
    both, one = written(tmp_path / "a.json", a_record(), a_record(case="a/b")), written(tmp_path / "b.json", a_record())
    ended = compared(both, one)
    assert ended.exit_code == 0
    assert ended.output.splitlines()[-1] == (
        "note: the new run has no verdict of 1 of the 2 ids of the old one: is it a part of a run (-k, --route, "
        "--device), or of fewer cases?"
    )


def test_what_is_not_decided_any_more_is_noted(tmp_path: Path) -> None:
    not_run = a_record(verdict=Verdict(Kind.NOT_RUN, "no"), judgement=Judgement(Outcome.NOT_RUN))
    ended = compared(written(tmp_path / "a.json", a_record()), written(tmp_path / "b.json", not_run))
    assert ended.output.splitlines()[-1] == (
        "note: the new run has not decided 1 verdict that the old one has decided: results.json has its reason"
    )


def test_a_folder_is_no_run(tmp_path: Path) -> None:
    ended = compared(str(tmp_path), str(tmp_path))
    assert (ended.exit_code, "is a directory" in " ".join(ended.output.replace("│", "").split())) == (2, True)


def test_of_many_the_first_are_shown(tmp_path: Path) -> None:
    many = [a_record(case=f"a/{number}") for number in range(25)]
    ended = compared(written(tmp_path / "a.json"), written(tmp_path / "b.json", *many))
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, "  … and 5 more")


def test_a_problem_of_the_new_run_exits_with_1(tmp_path: Path) -> None:
    old, new = written(tmp_path / "a.json"), written(tmp_path / "b.json", problems=("it broke",))
    assert (compared(old, new).exit_code, compared(new, old).exit_code) == (1, 0)
    assert "problem of the new run: it broke" in compared(old, new).output


@pytest.mark.parametrize("name", ["gone.json", "gone.json.xz"])
def test_a_file_that_is_not_there_could_not_run(tmp_path: Path, name: str) -> None:
    ended = compared(str(tmp_path / name), written(tmp_path / "a.json"))
    assert (ended.exit_code, ended.output.startswith("could not run: ")) == (2, True)


@pytest.mark.parametrize(("option", "code"), [([], 0), (["--complete"], 1)])
@pytest.mark.parametrize("how", ["gone", "not run"])
def test_a_lost_verdict_fails_a_complete_comparison(tmp_path: Path, option: list[str], code: int, how: str) -> None:
    other = a_record(case="a/1")
    lost = a_record(case="a/2", verdict=Verdict(Kind.NOT_RUN, "no"), judgement=Judgement(Outcome.NOT_RUN))
    written(tmp_path / "old.json", other, a_record(case="a/2"))
    written(tmp_path / "new.json", other, *([] if how == "gone" else [lost]))
    ended = CliRunner().invoke(app, ["compare", *option, str(tmp_path / "old.json"), str(tmp_path / "new.json")])
    assert ended.exit_code == code, ended.output


def test_what_was_never_decided_is_not_lost(tmp_path: Path) -> None:
    lost = a_record(case="a/2", verdict=Verdict(Kind.NOT_RUN, "no"), judgement=Judgement(Outcome.NOT_RUN))
    written(tmp_path / "old.json", a_record(case="a/1"), lost)
    written(tmp_path / "new.json", a_record(case="a/1"))
    command = ["compare", "--complete", str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    assert CliRunner().invoke(app, command).exit_code == 0
