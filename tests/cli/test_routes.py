"""The verb that writes the page of the routes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.results.file import ResultsFile, Timing
from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

PASS = Record(
    id=VerdictId("dat", "python-to-dotnet", "cpu", "pattern/all/bf16", "bits"),
    dtype="bf16",
    verdict=Verdict(Kind.PASS),
    judgement=Judgement(Outcome.PASSED),
    seconds=0.1,
)


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["routes", *map(str, arguments)])


ENVIRONMENT = {
    "torchsharp": "0.107.0",
    "pybridge": "1.4.4",
    "torch": "2.13.0+cpu",
    "torch_formats": {"torchscript_operators": "10", "export_schema": "8.20"},
    "safetensors": "0.8.0",
}


def results(path: Path, complete: bool = True, **environment: str) -> Path:
    file = ResultsFile(path, {**ENVIRONMENT, **environment})
    file.add(PASS)
    file.finish(complete, Timing(1.0, 1.0, 2.0))
    return path


def test_results_become_the_page(tmp_path: Path) -> None:
    ended = invoke(results(tmp_path / "results.json"), "--out", tmp_path / "routes.md")
    assert ended.exit_code == 0
    assert "| dat python to dotnet | yes |" in (tmp_path / "routes.md").read_text(encoding="utf-8")


def test_an_incomplete_run_is_refused(tmp_path: Path) -> None:
    ended = invoke(results(tmp_path / "results.json", complete=False), "--out", tmp_path / "routes.md")
    assert (ended.exit_code, "the run did not come to its end" in ended.output) == (2, True)


@pytest.mark.parametrize("name", ["torchsharp", "torch"])
def test_runs_with_other_versions_are_refused(tmp_path: Path, name: str) -> None:
    other = results(tmp_path / "other.json", **{name: "0.1"})
    ended = invoke(results(tmp_path / "results.json"), other, "--out", tmp_path / "routes.md")
    assert (ended.exit_code, f"another {name} than in" in ended.output) == (2, True)


def test_an_environment_that_lacks_a_version_is_refused(tmp_path: Path) -> None:
    file = results(tmp_path / "results.json")
    file.write_text(file.read_text(encoding="utf-8").replace('"pybridge"', '"bridge"'), encoding="utf-8")
    assert "its environment has no pybridge" in invoke(file, "--out", tmp_path / "routes.md").output


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert invoke(tmp_path / "results.json").exit_code == 2
