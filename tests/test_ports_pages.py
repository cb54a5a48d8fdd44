"""Every command of docs/my-class.md and docs/my-port.md runs, with the files that it names; and the code."""

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
from dotnet_ports import SOURCES, build
from tscompat.cli import app
from tscompat.dotnet_side.cache import Publish
from tscompat.verbs.own import Own
from tscompat.verbs.verify import verify
from tscompat.verbs.verify.listing import LINES

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page that have this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


PAGES = ["my-class.md", "my-port.md"]
COMMANDS = {page: [line for block in blocks(page, "") for line in block.splitlines()] for page in PAGES}
FAILS = {*(COMMANDS[page][0] for page in PAGES), "tscompat verify net.pth --listing listing.txt"}
"""The commands that find something, so that their exit code is 1."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ports: Path, publish: Publish) -> Path:
    made = tmp_path_factory.mktemp("port")
    torch.save(make().state_dict(), made / "net.pth")
    shutil.copytree(ports.parent, made, dirs_exist_ok=True)
    shutil.copy(SOURCES / "ports.py", made)
    (made / "listing.txt").write_text("fc1.weight\tFloat32\t12 144\n", encoding="utf-8")
    return made


@pytest.mark.parametrize("line", [line for lines in COMMANDS.values() for line in lines])
def test_the_command_runs(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == int(line in FAILS), result.output


@pytest.mark.parametrize("page", PAGES)
def test_the_output_is_what_is_printed(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the numbers at the ends of lines, which another processor may compute otherwise."""
    monkeypatch.chdir(folder)
    lines = CliRunner().invoke(app, shlex.split(COMMANDS[page][0])[1:]).stdout.splitlines()
    expected = [line for line in blocks(page, "text")[0].splitlines() if line != "..."]
    assert [line for line in expected if not any(found.startswith(line) for found in lines)] == []


def test_the_lines_of_a_listing() -> None:
    assert blocks("my-class.md", "text")[1].splitlines() == [*LINES]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_runs(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,) = blocks(page, "python")
    run: Callable[..., object] = exec
    run(code, {})


def test_the_library_of_the_page_is_built_and_fits(tmp_path: Path, publish: Publish) -> None:
    (project,), (code,) = blocks("my-class.md", "xml"), blocks("my-class.md", "csharp")
    (tmp_path / "My.csproj").write_text(project, encoding="utf-8")
    (tmp_path / "Net.cs").write_text(code, encoding="utf-8")
    layers = torch.nn.ModuleDict({"fc1": torch.nn.Linear(784, 32), "fc2": torch.nn.Linear(32, 5)})
    torch.save(layers.state_dict(), tmp_path / "net.pth")
    own = Own(build(tmp_path / "My.csproj", tmp_path / "built"), "Net", "[5]")
    assert verify(tmp_path / "net.pth", own=own).outcome == "arrives"
