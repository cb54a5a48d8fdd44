"""``tscompat divergence``: the report of one known divergence, or a list of all."""

import importlib

import pytest
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.resources.folders import data_folder
from tscompat.verdicts.divergences import DivergencesError
from tscompat.verdicts.entries import read_entries

ENTRIES = read_entries(data_folder("cases") / "divergences")
verb = importlib.import_module("tscompat.cli.divergence")


def printed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["divergence", *arguments])


def test_without_a_name_all_are_listed_with_their_first_sentence() -> None:
    lines = printed().stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(ENTRIES)
    assert lines[-1].endswith("torch.save and torch.jit.save refuse a quantized tensor that lies on a device.")


def test_a_name_has_its_report() -> None:
    ended = printed("quantizer-lost")
    assert (ended.exit_code, ended.stdout.startswith("# The scale and the zero point")) == (0, True)


def test_an_unknown_name_has_the_nearest_ones() -> None:
    ended = printed("radam-applies-the-rate")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "'radam-applies-the-rate'; the nearest names are\n  radam-applies-the-rate-twice" in ended.stderr


@pytest.mark.parametrize("error", [DivergencesError("dat.toml: wrong"), FileNotFoundError("dat.toml: wrong")])
def test_files_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(folder: object) -> None:
        raise error

    monkeypatch.setattr(verb, "read_entries", fail)
    assert (printed().exit_code, printed().stderr) == (2, "could not run: dat.toml: wrong\n")
