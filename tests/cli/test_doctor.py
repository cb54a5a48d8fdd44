"""The doctor names what is missing, survives a check that fails, and exits with 0 or 2."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tscompat.cli.doctor import (
    CHECKS,
    Check,
    Problem,
    ask_torch,
    disk,
    doctor,
    dotnet_runtime,
    dotnet_sdk,
    examine,
    newest,
    torch,
    torchsharp,
)

MODULE = sys.modules[Check.__module__]  # ``tscompat.cli.doctor`` is the command, which hides its module
app = typer.Typer()
app.command()(doctor)


def fails() -> str:
    raise OSError("the disk is on fire")


WELL = Check("well", lambda: "1.0")
BAD = Check("bad", lambda: Problem("0.1", "install 1.0"))
BROKEN = Check("broken", fails)


@pytest.mark.parametrize(
    ("checks", "code"),
    [((WELL,), 0), ((BAD,), 2), ((WELL, BROKEN), 2), ((BAD, WELL), 2), ((BAD._replace(needed=False),), 0)],
)
def test_exit_code(monkeypatch: pytest.MonkeyPatch, checks: tuple[Check, ...], code: int) -> None:
    monkeypatch.setattr(MODULE, "CHECKS", checks)
    assert CliRunner().invoke(app).exit_code == code


@pytest.mark.parametrize(
    ("check", "row"),
    [
        (WELL, ["well", "1.0", "ok"]),
        (BAD, ["bad", "0.1", "install 1.0"]),
        (BROKEN, ["broken", "not found", "the disk is on fire"]),
        (Check("markup", lambda: "[/] [red]"), ["markup", "[/] [red]", "ok"]),
    ],
)
def test_row(monkeypatch: pytest.MonkeyPatch, check: Check, row: list[str]) -> None:
    monkeypatch.setattr(MODULE, "CHECKS", (check,))
    shown = CliRunner().invoke(app).output.splitlines()
    assert row in [[cell.strip() for cell in line.strip("│").split("│")] for line in shown]


@pytest.mark.parametrize("check", [check for check in CHECKS if check.needed], ids=lambda check: check.name)
def test_all_is_well_where_the_tests_run(check: Check) -> None:
    assert not isinstance(examine(check), Problem)


def completed(code: int, out: str, err: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A ``subprocess.run`` that runs nothing and returns this result."""
    return lambda *_, **__: subprocess.CompletedProcess("", code, out, err)


@pytest.mark.parametrize("look", [dotnet_sdk, dotnet_runtime, torchsharp])
def test_no_dotnet(monkeypatch: pytest.MonkeyPatch, look: Callable[[], str | Problem]) -> None:
    monkeypatch.setenv("PATH", "")
    assert examine(Check("", look)) == Problem(
        "not found", "there is no dotnet on PATH: install the .NET SDK 8 or later"
    )


@pytest.mark.parametrize(
    ("listed", "result"),
    [
        ("", Problem("none", "install the .NET runtime 8 or later")),
        ("Microsoft.NETCore.App 7.0.1 [/x]\n", Problem("7.0.1", "install the .NET runtime 8 or later")),
        ("Microsoft.AspNetCore.App 9.0.0 [/x]\n", Problem("none", "install the .NET runtime 8 or later")),
        ("Microsoft.NETCore.App 6.0.1 [/x]\nMicrosoft.NETCore.App 10.0.2 [/x]\n", "6.0.1, 10.0.2"),
    ],
)
def test_dotnet_runtime(monkeypatch: pytest.MonkeyPatch, listed: str, result: str | Problem) -> None:
    monkeypatch.setattr(subprocess, "run", completed(0, listed, ""))
    assert dotnet_runtime() == result


def test_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "Traceback\nModuleNotFoundError: No module named 'torch'\n"
    monkeypatch.setattr(subprocess, "run", completed(1, "", printed))
    ask_torch.cache_clear()
    assert examine(Check("", torch)) == Problem(
        "not found", "import torch fails (ModuleNotFoundError: No module named 'torch'): install torch again"
    )


def test_newest_counts_in_numbers() -> None:
    assert newest(["GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "CXXABI_9.0", "GLIBCXX_DEBUG"]) == "GLIBCXX_3.4.30"


def test_doctor_keeps_torch_out_of_its_process() -> None:
    """TorchSharp and torch crash in one process, and any process may call the doctor."""
    code = (
        "import sys; from tscompat.cli.doctor import *; [examine(c) for c in CHECKS]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_cache_that_this_user_may_not_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_right(path: Path, mode: int) -> bool:
        return False

    monkeypatch.setattr(MODULE, "_publish", lambda: None)
    monkeypatch.setattr(os, "access", no_right)
    assert getattr(disk(), "todo", "") == "allow this user to write there: the first run builds there"
