"""The hash of the suite: what decides verdicts changes it, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tscompat
from tscompat.resources import suite
from tscompat.resources.folders import data_folder
from tscompat.resources.suite import suite_digest


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, of the cases without golden files, and of the peer's sources, which is hashed."""
    without = shutil.ignore_patterns("__pycache__", "golden", "bin", "obj")
    package = tmp_path / "harness" / "tscompat"
    shutil.copytree(Path(tscompat.__file__).parent, package, ignore=without)
    for name in ("cases", "dotnet"):
        shutil.copytree(data_folder(name), tmp_path / name, ignore=without)
    monkeypatch.setattr(suite, "__file__", str(package / "resources" / "suite.py"))
    monkeypatch.setattr(suite, "data_folder", lambda name: tmp_path / name)  # pyright: ignore
    return tmp_path


def test_a_copy_is_the_same_suite(copied: Path) -> None:
    here = suite_digest()
    (copied / "cases" / "baselines" / "new.json").write_text("{}")
    assert suite_digest() == here
    assert len(here) == 64


@pytest.mark.parametrize(
    "file",
    [
        *("harness/tscompat/verdicts/divergence.py", "harness/tscompat/values/compare.py"),
        *("cases/layer.toml", "cases/divergences/dat.toml", "dotnet/Peer/Bag.cs"),
    ],
)
def test_a_changed_file_is_another_suite(copied: Path, file: str) -> None:
    before = suite_digest()
    (copied / file).write_bytes((copied / file).read_bytes() + b"\n")
    assert suite_digest() != before


def test_line_ends_do_not_matter(copied: Path) -> None:
    before = suite_digest()
    file = copied / "cases" / "layer.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert suite_digest() == before
