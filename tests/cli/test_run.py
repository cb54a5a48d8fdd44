"""``tscompat run``: when it shows the table of a run."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tscompat.cli import app

running = importlib.import_module("tscompat.cli.run")


@pytest.mark.parametrize(
    ("ended", "shown"), [(pytest.ExitCode.OK, True), (pytest.ExitCode.USAGE_ERROR, False)], ids=["it-ran", "refused"]
)
def test_only_results_of_its_own_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: pytest.ExitCode, shown: bool
) -> None:
    """A run that is refused may find results.json written by the run that holds the folder."""
    results = tmp_path / "results.json"

    def main(arguments: list[str]) -> pytest.ExitCode:
        results.write_text("written meanwhile")
        return ended

    def ending(text: str, file: Path, *, tables: bool) -> None:
        print(text)

    monkeypatch.setattr(pytest, "main", main)
    monkeypatch.setattr(running, "load_results", Path.read_text)
    monkeypatch.setattr(running, "ending", ending)
    result = CliRunner().invoke(app, ["run", "--out", str(tmp_path)])
    assert ("written meanwhile" in result.output, result.exit_code) == (shown, 0 if shown else 2)
