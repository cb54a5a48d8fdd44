"""The verb that writes the page of the roads."""

from pathlib import Path

from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.divergences import Judgement, Outcome
from tscompat.results.file import ResultsFile, Timing
from tscompat.results.record import Record
from tscompat.verdict import Kind, Verdict, VerdictId

PASS = Record(
    id=VerdictId("dat", "python-to-dotnet", "cpu", "pattern/all/bf16", "bits"),
    dtype="bf16",
    verdict=Verdict(Kind.PASS),
    judgement=Judgement(Outcome.PASSED),
    seconds=0.1,
)


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["roads", *map(str, arguments)])


def results(path: Path, complete: bool = True) -> Path:
    file = ResultsFile(path, {"torchsharp": "0.107.0"})
    file.add(PASS)
    file.finish(complete, Timing(1.0, 1.0, 2.0))
    return path


def test_results_become_the_page(tmp_path: Path) -> None:
    ended = invoke(results(tmp_path / "results.json"), "--out", tmp_path / "roads.md")
    assert ended.exit_code == 0
    assert "| dat python to dotnet | yes |" in (tmp_path / "roads.md").read_text(encoding="utf-8")


def test_an_incomplete_run_is_refused(tmp_path: Path) -> None:
    ended = invoke(results(tmp_path / "results.json", complete=False), "--out", tmp_path / "roads.md")
    assert (ended.exit_code, "the run did not come to its end" in ended.output) == (2, True)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert invoke(tmp_path / "results.json").exit_code == 2
