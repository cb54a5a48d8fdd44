"""``tscompat gate``: its exit codes and what it prints."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.golden.manifest import golden_folder

FOLDER = "safetensors-0.8"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of one folder, which gate finds in the place of the repository's."""
    shutil.copytree(golden_folder() / FOLDER, tmp_path / FOLDER)
    for module in ("tscompat.cli.gate", "tscompat.golden.gate"):
        monkeypatch.setattr(import_module(module), "golden_folder", lambda: tmp_path)

    def whole(*_: object) -> None:
        pass

    monkeypatch.setattr(import_module("tscompat.golden.gate"), "refuse_missing", whole)
    return tmp_path


def gate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["gate", *arguments])


def test_the_golden_corpus_is_read_and_written_by_all() -> None:
    ended = gate()
    assert ended.exit_code == 0, ended.output
    last = ended.output.splitlines()[-1].split()
    assert int(last[0]) > 2000
    assert " ".join(last[4:]) == "divergences, 0 failures, 0 not run"


def test_without_dotnet_its_half_is_not_run(root: Path) -> None:
    lines = gate("--no-dotnet").output.splitlines()
    assert lines == [f"{FOLDER}: 22 files", "44 passed, 0 known divergences, 0 failures, 66 not run"]


def test_a_difference_is_printed_with_the_file_and_exits_with_1(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables: Any = import_module("tscompat.golden.tables")
    side = tables.PYTHON["safetensors"]

    def write(path: Path, *_: object) -> None:
        path.write_bytes(b"no")

    monkeypatch.setitem(tables.PYTHON, "safetensors", side._replace(write=write))
    ended = gate("--no-dotnet")
    lines = ended.output.splitlines()
    assert (ended.exit_code, len(lines)) == (1, 23)
    assert lines[1].startswith(
        f"{FOLDER}/safetensors/role/both/u8.safetensors, written by safetensors: bytes: byte 0: "
    )
    assert lines[21] == "… and 2 more"
    assert lines[-1] == "22 passed, 0 known divergences, 22 failures, 66 not run"


def test_a_damaged_corpus_could_not_run(root: Path) -> None:
    (root / FOLDER / "manifest.json").write_text("{", encoding="utf-8")
    ended = gate("--no-dotnet")
    assert (ended.exit_code, ended.output.startswith("could not run: ")) == (2, True)


def test_a_corpus_that_lacks_a_writer_could_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(golden_folder() / FOLDER, tmp_path / FOLDER)
    monkeypatch.setattr(import_module("tscompat.cli.gate"), "golden_folder", lambda: tmp_path)
    ended = gate("--no-dotnet")
    assert (ended.exit_code, "found nothing of PyBridge, TorchSharp, oracle, torch, dat/" in ended.output) == (2, True)


@pytest.mark.parametrize("option", ["--native", "--torchsharp", "--torchsharp-dll", "--libtorch"])
def test_without_dotnet_there_is_no_other_torchsharp(option: str) -> None:
    ended = gate("--no-dotnet", option, "x")
    assert (ended.exit_code, f"could not run: --no-dotnet goes without {option}: leave" in ended.output) == (2, True)


def test_versions_are_gated_one_by_one() -> None:
    ended = gate("--torchsharp", "1", "--torchsharp", "2")
    assert (ended.exit_code, "could not run: found 2 --torchsharp; expected one here" in ended.output) == (2, True)


def test_a_dll_that_is_not_there_could_not_run(root: Path) -> None:
    assert gate("--torchsharp-dll", "gone.dll").exit_code == 2
