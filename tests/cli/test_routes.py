"""``tscompat routes``, the verb that writes docs/routes.md and docs/hostile.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tscompat.cli import app, routes
from tscompat.verdicts.divergences import DivergencesError


def test_the_pages_are_written(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["routes", "--out", str(tmp_path)])
    assert ended.exit_code == 0
    assert "| dat python to dotnet | yes |" in (tmp_path / "routes.md").read_text(encoding="utf-8")
    assert "| hostile-load | truncated |" in (tmp_path / "hostile.md").read_text(encoding="utf-8")


def test_a_fault_in_the_divergences_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pages() -> Iterator[tuple[str, str]]:
        raise DivergencesError("dat.toml: no-c32: no 'cause'")

    monkeypatch.setattr(routes, "pages", pages)
    ended = CliRunner().invoke(app, ["routes", "--out", str(tmp_path)])
    assert (ended.exit_code, ended.output) == (2, "could not run: dat.toml: no-c32: no 'cause'\n")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["routes", "--out", str(tmp_path / "none")])
    assert (ended.exit_code, ended.output.startswith("could not run: ")) == (2, True)
