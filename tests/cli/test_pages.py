"""``--html`` of inspect, diff and verify, and ``--markdown``: pages that need nothing else, and replace no file that is
read.
"""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from verbs.items import entry, write

MARKUP = "<script>alert(1)</script>"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files, of which one tensor has a name that is markup, and one has other values."""
    ours = write(tmp_path / "a.dat", entry("w", [1, 2]), entry(MARKUP, [3]))
    return ours, write(tmp_path / "b.dat", entry("w", [1, 4]))


def words_of(page: Path) -> str:
    """The text of a page."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)))


def test_inspect(pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert run("inspect", pair[0], "--html", tmp_path / "a.html").exit_code == 0
    found = words_of(tmp_path / "a.html")
    assert "a state dict of TorchSharp" in found
    assert "w float32 [2] 8 bytes" in found


def test_diff(pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert run("diff", *pair, "--html", tmp_path / "a.html").exit_code == 1
    found = words_of(tmp_path / "a.html")
    assert "different: 1 only in A, 1 with other values" in found
    assert "'w' float32 [2] 1 of 2 [1]: 0x40000000 2.0 → 0x40800000 4.0" in found


def test_verify(pair: tuple[Path, Path], tmp_path: Path, publish: Publish) -> None:
    assert run("verify", pair[0], "--listing", pair[1], "--html", tmp_path / "a.html").exit_code == 1
    found = words_of(tmp_path / "a.html")
    assert f"differs: 1 finding between the file and {pair[1]}" in found
    assert ".dat, Module.load a.dat same bits same bits" in found


def test_a_name_is_no_markup(pair: tuple[Path, Path], tmp_path: Path) -> None:
    run("inspect", pair[0], "--html", tmp_path / "a.html")
    assert MARKUP not in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", ["inspect", "diff", "verify"])
def test_a_file_that_is_read_is_not_replaced(verb: str, pair: tuple[Path, Path]) -> None:
    before = pair[0].read_bytes()
    result = run(verb, *pair[: 2 if verb == "diff" else 1], "--html", pair[0])
    assert (result.exit_code, pair[0].read_bytes()) == (2, before)
    assert "this file is read: give another name for the page" in result.output


@pytest.mark.parametrize("verb", ["inspect", "diff", "verify"])
def test_a_file_of_a_folder_that_is_read_is_not_replaced(verb: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    weights = Path(shutil.copy(pair[0], folder / pair[0].name))
    before = weights.read_bytes()
    result = run(verb, folder, *pair[1:][: verb == "diff"], "--html", weights)
    assert (result.exit_code, weights.read_bytes()) == (2, before)
    assert "this file is read: give another name for the page" in result.output


def test_what_is_no_regular_file_is_not_replaced(pair: tuple[Path, Path]) -> None:
    result = run("inspect", pair[0], "--html", "/dev/null")
    assert (result.exit_code, "no regular file" in result.output) == (2, True)


def test_a_page_that_cannot_be_written(pair: tuple[Path, Path], tmp_path: Path) -> None:
    result = run("diff", *pair, "--html", tmp_path / "none" / "a.html")
    assert (result.exit_code, "could not write" in result.output) == (2, True)


def test_markdown_of_verify(pair: tuple[Path, Path], tmp_path: Path, publish: Publish) -> None:
    run("verify", pair[0], "--listing", pair[0], "--markdown", tmp_path / "a.md")
    lines = (tmp_path / "a.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("## ✅ arrives\\: the same bits in TorchSharp and back, and it fits")
    assert r"| .dat, Module.load | a.dat | same bits | same bits |" in lines
    assert MARKUP not in "\n".join(lines)
