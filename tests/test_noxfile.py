"""The noxfile: the arguments that it passes on, what it installs and when, and its exit codes."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

TOP = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    """The noxfile as a module, loaded once, because nox warns of a session that is registered twice."""
    spec = importlib.util.spec_from_file_location("noxfile", TOP / "noxfile.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_session(*posargs: str) -> SimpleNamespace:
    """The part of a nox.Session that the sessions use."""
    messages: list[str] = []
    return SimpleNamespace(posargs=list(posargs), log=messages.append, warn=messages.append)


# the default session


@pytest.fixture
def matrix(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs the default session with a command that ends with ``code``; returns the command."""

    def run(code: int, *posargs: str) -> list[str]:
        commands: list[list[str]] = []

        def wait_for(*command: str) -> int:
            commands.append(list(command))
            return code

        def environment(session: object, *needs: str) -> str:
            return "python"

        monkeypatch.setattr(noxfile, "environment", environment)
        monkeypatch.setattr(noxfile, "wait_for", wait_for)
        noxfile.matrix(a_session(*posargs))
        return commands[0]

    return run


@pytest.mark.parametrize(("code", "exit_code"), [(1, 1), (2, 2), (130, 130), (-9, 2)])
def test_nox_exits_with_the_exit_code_of_the_run(matrix: Callable[..., Any], code: int, exit_code: int) -> None:
    with pytest.raises(SystemExit) as end:
        matrix(code)
    assert end.value.code == exit_code


def test_a_good_run_lets_nox_go_on(matrix: Callable[..., list[str]]) -> None:
    matrix(0)


def test_everything_after_the_dashes_is_passed_on(matrix: Callable[..., list[str]]) -> None:
    assert matrix(0, "-k", "bf16", "-n", "2") == ["python", "-m", "tscompat", "run", "-k", "bf16", "-n", "2"]


def test_the_matrix_has_what_upstreams_scripts_import(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    def wait_for(*command: str) -> int:
        return 0

    monkeypatch.setattr(noxfile, "wait_for", wait_for)
    noxfile.matrix(a_session())
    assert any(requirement.startswith("leb128") for requirement in commands[-1])


def test_a_command_ends_with_its_own_code(noxfile: ModuleType) -> None:
    assert noxfile.wait_for(sys.executable, "-c", "raise SystemExit(42)") == 42


def test_ctrl_c_waits_for_the_command_to_tidy_up(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Child:
        answers: Iterator[int | None] = iter([None, 130])

        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> "Child":
            return self

        def __exit__(self, *_: object) -> None: ...
        def wait(self) -> int:
            answer = next(self.answers)
            if answer is None:
                raise KeyboardInterrupt
            return answer

    monkeypatch.setattr(noxfile.subprocess, "Popen", Child)
    assert noxfile.wait_for("command") == 130


# the shared environment


@pytest.fixture
def commands(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would build the environment; they are collected and not run."""
    seen: list[list[str]] = []
    python = tmp_path / ".nox" / "python"
    python.parent.mkdir()
    shutil.copy(TOP / "pyproject.toml", tmp_path)

    def call(command: list[str], **_: Any) -> int:
        seen.append(command)
        python.touch()
        return 0

    monkeypatch.setattr(noxfile, "ROOT", tmp_path)
    monkeypatch.setattr(noxfile, "ENVIRONMENT", python.parent)
    monkeypatch.setattr(noxfile, "PYTHON", python)
    monkeypatch.setattr(noxfile.subprocess, "call", call)
    return seen


def test_lint_installs_neither_the_project_nor_torch(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "lint")
    assert commands[-1][-1].startswith("ruff")
    assert "--editable" not in commands[-1]


def test_the_project_and_a_group_are_installed_together(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "project", "tests")
    pip = commands[-1]
    assert pip[pip.index("--editable") + 1] == str(noxfile.ROOT)
    assert any(requirement.startswith("hypothesis") for requirement in pip)


def test_what_is_there_is_not_installed_again(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "project", "tests")
    commands.clear()
    assert noxfile.environment(a_session(), "project") == str(noxfile.PYTHON)
    assert commands == []


def test_only_what_is_missing_is_installed(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "project")
    noxfile.environment(a_session(), "project", "lint")
    assert "--editable" not in commands[-1]


def test_another_pyproject_is_installed_again(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "lint")
    commands.clear()
    with (noxfile.ROOT / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    noxfile.environment(a_session(), "lint")
    assert commands != []


def test_an_environment_whose_python_went_is_built_again(noxfile: ModuleType, commands: list[list[str]]) -> None:
    noxfile.environment(a_session(), "lint")
    commands.clear()
    noxfile.PYTHON.unlink()
    noxfile.environment(a_session(), "lint")
    assert commands != []


# nox itself


def nox(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nox", *arguments]
    environment = {**os.environ, **variables, "PYTHONUTF8": "1"}
    environment.pop("FORCE_COLOR", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def test_only_the_matrix_is_a_default_session() -> None:
    lines = nox(TOP, "-l").stdout.splitlines()
    menu = dict(line.split()[1::-1] for line in lines if " -> " in line)
    assert [name for name, mark in menu.items() if mark == "*"] == ["matrix"]
    assert menu.keys() > {"matrix", "tests", "report-tests", "cuda"}


def test_a_pip_that_fails_is_could_not_run(tmp_path: Path) -> None:
    clone, wheels = tmp_path / "ein Gästezimmer", tmp_path / "no wheels"
    clone.mkdir()
    wheels.mkdir()
    for name in ("noxfile.py", "pyproject.toml"):
        shutil.copy(TOP / name, clone)
    ended = nox(clone, "-s", "lint", PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert ended.returncode == 2
    assert "Could not install what this session needs: pip failed" in ended.stderr
