"""Every command of docs/my-class.md runs, in a folder that has the files that it names, and the code does."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from dotnet.ports import make
from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from tscompat.verbs.verify.listing import LINES

PAGE = (Path(__file__).parents[1] / "docs" / "my-class.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in BLOCKS if not language for line in block.splitlines()]
TEXTS = [block for language, block in BLOCKS if language == "text"]
FAILS = {COMMANDS[0], "tscompat verify net.pth --listing listing.txt"}
"""The commands that find something, so that their exit code is 1."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ports: Path, publish: Publish) -> Path:
    made = tmp_path_factory.mktemp("port")
    torch.save(make().state_dict(), made / "net.pth")
    shutil.copytree(ports.parent, made, dirs_exist_ok=True)
    (made / "listing.txt").write_text("fc1.weight\tFloat32\t12 144\n", encoding="utf-8")
    return made


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_runs(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == int(line in FAILS), result.output


def test_the_output_is_what_is_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    lines = CliRunner().invoke(app, shlex.split(COMMANDS[0])[1:]).stdout.splitlines()
    expected = [line for line in TEXTS[0].splitlines() if line != "..."]
    assert [line for line in expected if line not in lines] == []


def test_the_lines_of_a_listing() -> None:
    assert TEXTS[1].splitlines() == [*LINES]


def test_the_code_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,) = (block for language, block in BLOCKS if language == "python")
    run: Callable[..., object] = exec
    run(code, {})
