"""GitHub's workflows are valid and run the sessions of the noxfile."""

import re
import subprocess
import sys
from pathlib import Path

from tscompat.python_side.scripts import FUNCTIONS

TOP = Path(__file__).parents[1]
WORKFLOW = TOP / ".github" / "workflows" / "ci.yml"
GATE = WORKFLOW.with_name("gate.yml")
LONG = {"bench", "full", "fuzz", "large", "mutants", "sabotage", "sensitivity"}


def test_the_workflows_are_valid() -> None:
    files = map(str, sorted(WORKFLOW.parent.glob("*.yml")))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout


def test_the_page_calls_the_gate_with_inputs_that_it_has() -> None:
    workflow = GATE.read_text(encoding="utf-8").partition("permissions:")[0]
    page = (TOP / "docs" / "gate-your-build.md").read_text(encoding="utf-8").partition("with:")[2].partition("```")[0]
    given = set(re.findall(r"^ +(\w+):", page, re.MULTILINE))
    inputs = re.findall(r"^      (\w+):((?:\n        .*)+)", workflow, re.MULTILINE)
    assert given <= {name for name, _ in inputs}
    assert given >= {name for name, fields in inputs if "required: true" in fields}


def test_the_gate_runs_a_session_that_is_there() -> None:
    sessions = re.findall(r"nox -s (\w+)", GATE.read_text(encoding="utf-8"))
    assert sessions
    assert all(f"def {name}(session:" in (TOP / "noxfile.py").read_text(encoding="utf-8") for name in sessions)


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
