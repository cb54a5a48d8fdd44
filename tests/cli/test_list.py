"""``tscompat list``: cases and routes, one a line."""

import importlib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tscompat.catalogue import CatalogueError
from tscompat.cli import app
from tscompat.routes import ROUTES

listing = importlib.import_module("tscompat.cli.list")


def listed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["list", *arguments])


def test_a_pattern_selects_cases() -> None:
    assert [line.split()[0] for line in listed("shape/0-d/f??").stdout.splitlines()] == [
        "shape/0-d/f16",
        "shape/0-d/f32",
        "shape/0-d/f64",
    ]


def test_routes() -> None:
    assert [line.split()[0] for line in listed("--routes").stdout.splitlines()] == list(ROUTES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing/*"], "nothing matches 'nothing/*'"),
        (["--routes", "nothing"], "nothing matches 'nothing'"),
        (["dat/python-to-dotnet/cpu/shape/0-d/f32/bits"], "that is a verdict's id: its case is shape/0-d/f32"),
    ],
)
def test_what_cannot_be_listed(arguments: list[str], message: str) -> None:
    result = listed(*arguments)
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True)


@pytest.mark.parametrize("error", [CatalogueError("one.toml: wrong"), FileNotFoundError("one.toml: wrong")])
def test_no_catalogue(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(folder: Path | None = None) -> None:
        raise error

    monkeypatch.setattr(listing, "load_catalogue", fail)
    assert (listed().exit_code, listed().stderr) == (2, "could not run: one.toml: wrong\n")


def test_an_id_of_no_case_is_not_called_a_verdict() -> None:
    assert listed("dat/python-to-dotnet/cpu/no/such/case/bits").stderr.rstrip().endswith("no/such/case/bits'")
