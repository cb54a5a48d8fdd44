"""The verb that writes the page of the routes."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from records import ENVIRONMENT, ZEROS, a_record
from tscompat.cli import app
from tscompat.results.environment import Environment, Library
from tscompat.results.file import ResultsFile, Timing


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["routes", *map(str, arguments)])


def results(path: Path, complete: bool = True, environment: Environment = ENVIRONMENT) -> Path:
    file = ResultsFile(path, environment)
    file.add(a_record(environment=environment))
    file.finish(complete, Timing(harness_seconds=1.0, torchsharp_seconds=1.0, wall_seconds=2.0, cores=1))
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
    environment = msgspec.structs.replace(ENVIRONMENT, **{name: Library(version="0.1", sha256=ZEROS)})
    other = results(tmp_path / "other.json", environment=environment)
    ended = invoke(results(tmp_path / "results.json"), other, "--out", tmp_path / "routes.md")
    assert (ended.exit_code, f"another {name} than in" in ended.output) == (2, True)


def test_results_without_a_version_are_refused(tmp_path: Path) -> None:
    file = results(tmp_path / "results.json")
    file.write_text(file.read_text(encoding="utf-8").replace('"pybridge"', '"bridge"'), encoding="utf-8")
    assert "'pybridge' is a required property" in invoke(file, "--out", tmp_path / "routes.md").output


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert invoke(tmp_path / "results.json").exit_code == 2
