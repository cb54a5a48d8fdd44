"""What is made of the entries, beside judging by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tscompat.verdicts.entries import DivergencesError, add_versions, newest_versions
from verdicts.entry import SCRIPT, TOML, VERSION, divergence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of entries, and one that is none."""
    (tmp_path / "a.toml").write_text(TOML + TOML.replace("no-c32", "other"), encoding="utf-8")
    (tmp_path / "b.toml").write_text("# ä\n" + TOML.replace("no-c32", "third"), encoding="utf-8")
    (tmp_path / "b.TOML.txt").write_text(TOML, encoding="utf-8")
    return tmp_path


def test_versions_are_added_to_the_entries_alone(folder: Path) -> None:
    before = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    add_versions(folder, {"other": ["TorchSharp 0.108.0", "torch 2.14"], "third": ["TorchSharp 0.109.0"]})
    first, second = before["a.toml"].split("[other]")
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()} == {
        "a.toml": f"{first}[other]"
        + second.replace(f'"{VERSION}"]', f'"{VERSION}", "TorchSharp 0.108.0", "torch 2.14"]', 1),
        "b.toml": before["b.toml"].replace(f'"{VERSION}"]', f'"{VERSION}", "TorchSharp 0.109.0"]', 1),
        "b.TOML.txt": before["b.TOML.txt"],
    }


def test_a_file_without_a_change_is_not_written(folder: Path) -> None:
    before = (folder / "b.toml").stat().st_ino
    add_versions(folder, {"other": ["torch 2.14"]})
    assert (folder / "b.toml").stat().st_ino == before


def test_an_entry_whose_line_is_not_found_is_named(folder: Path) -> None:
    with pytest.raises(DivergencesError) as refused:
        add_versions(folder, {"fourth": ["torch 2.14"]})
    assert str(refused.value) == f"{folder}: found no line `versions = [...]` of the entry 'fourth'"


def test_the_newest_version_of_each_package_is_found_by_its_numbers() -> None:
    entries = {
        name: divergence(name, versions).entry
        for name, versions in {
            "one": ("TorchSharp 0.107.0", "torch 2.9"),
            "two": ("TorchSharp 0.99.1", "torch 2.13"),
            "three": ("TorchSharp 0.107.1", SCRIPT),
        }.items()
    }
    name, digest = SCRIPT.split()
    assert newest_versions(entries) == {"TorchSharp": "0.107.1", "torch": "2.13", name: digest}
