"""The composite action for other repositories: its step runs here as it stands in the file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from dotnet.ports import make
from tscompat.dotnet_side.cache import Publish
from workflows import EXPRESSION, TOP

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
ACTION: Any = YAML(typ="safe", pure=True).load((TOP / "action.yml").read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType]
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
INPUTS: dict[str, dict[str, Any]] = ACTION["inputs"]


def step(name: str) -> dict[str, Any]:
    (found,) = (each for each in STEPS if each.get("name") == name)
    return found


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A folder as a runner has it: this environment's tscompat where the step before has installed it."""
    scripts = tmp_path / "tscompat" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "tscompat").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tscompat "$@"\n', encoding="utf-8")
    (scripts / "tscompat").chmod(0o755)
    torch.save(make().state_dict(), tmp_path / "net.pth")
    return tmp_path


def run(runner: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the step Verify with these inputs, the others with their defaults."""
    values = {name: str(given.get(name, fields.get("default", ""))) for name, fields in INPUTS.items()}
    variables = {
        name: EXPRESSION.sub(lambda found: values[found[1].removeprefix("inputs.")], text)
        for name, text in step("Verify")["env"].items()
    }
    written = {name: str(runner / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step("Verify")["run"]],
        cwd=runner,
        env={**os.environ, **variables, **written, "RUNNER_TEMP": str(runner), "RUNNER_OS": "Linux"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_what_arrives(runner: Path, ports: Path, publish: Publish) -> None:
    done = run(runner, checkpoint="net.pth", assembly=str(ports), type="Ports.Right", args="[5]")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "## ✅ arrives" in (runner / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    page = (runner / "GITHUB_OUTPUT").read_text(encoding="utf-8").strip().removeprefix("page=")
    assert "<html" in Path(page).read_text(encoding="utf-8")


def test_what_differs_fails_the_job(runner: Path, ports: Path, publish: Publish) -> None:
    done = run(runner, checkpoint="net.pth", assembly=str(ports), type="Ports.RenamedLayer")
    summary = (runner / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    assert (done.returncode, "## ❌ differs" in summary) == (1, True)


def test_what_could_not_be_verified_is_stated(runner: Path) -> None:
    done = run(runner, checkpoint="none.pth")
    summary = (runner / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    assert (done.returncode, summary) == (2, "### Could not verify: see the log of this job\n")


def test_options_are_several_words(runner: Path, publish: Publish) -> None:
    done = run(runner, checkpoint="net.pth", options=r"--skip fc2.* --add-prefix net.")
    assert (done.returncode, "11 tensors" in done.stdout) == (0, True), done.stdout + done.stderr


def test_no_input_is_pasted_into_a_script() -> None:
    assert [each["name"] for each in STEPS if "${{" in each.get("run", "")] == []


def test_each_input_is_used() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", str(step("Verify")["env"])))
    assert used == {*INPUTS}


def test_actions_are_pinned_by_a_commit() -> None:
    uses = [each["uses"] for each in STEPS if "uses" in each]
    assert [each for each in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each)] == []


def test_the_action_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    ended = subprocess.run([*command, str(TOP / "action.yml")], capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [("--rename '^fc1\\.=hidden.'", 0), ('--rename "^fc1\\.=hidden." --skip *', 2), ("--skip 'a", 1)],
)
def test_options_as_verify_prints_them(options: str, code: int, runner: Path, ports: Path, publish: Publish) -> None:
    done = run(runner, checkpoint="net.pth", assembly=str(ports), type="Ports.RenamedLayer", options=options)
    assert done.returncode == code, done.stdout + done.stderr


def test_an_empty_checkpoint_is_not_this_folder(runner: Path) -> None:
    done = run(runner, checkpoint="")
    assert (done.returncode, done.stdout) == (2, "checkpoint: expected the path of a file or folder\n")
