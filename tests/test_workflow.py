"""GitHub's workflow is valid and runs the sessions of the noxfile."""

import re
import subprocess
import sys
from pathlib import Path

from tscompat.python_side.scripts import FUNCTIONS

TOP = Path(__file__).parents[1]
WORKFLOW = TOP / ".github" / "workflows" / "ci.yml"
LONG = {"bench", "full", "fuzz", "large", "mutants", "sabotage", "sensitivity"}


def test_the_workflow_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout


def test_every_session_but_the_long_ones_runs_there() -> None:
    sessions = re.findall(r"^def (\w+)\(session:", (TOP / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
    rows = re.findall(r"session: (\w+)", WORKFLOW.read_text(encoding="utf-8"))
    assert set(rows) == {*sessions} - LONG - {"environment", "run_tscompat"}


def test_the_scripts_come_from_a_pinned_commit_by_the_variables_that_a_run_knows() -> None:
    workflow = WORKFLOW.read_text(encoding="utf-8")
    assert re.search(r"repository: dotnet/TorchSharp\n +ref: [0-9a-f]{40}\n", workflow)
    assert set(re.findall(r"^ +(TSCOMPAT_\w+): .*?/src/Python/(\w+)\.py", workflow, re.MULTILINE)) == {
        (f"TSCOMPAT_{name.upper()}", name) for name in FUNCTIONS
    }
