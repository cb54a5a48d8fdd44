"""GitHub's workflows are valid, and what they name is there: sessions, commands, options, files, jobs, outputs."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tscompat.cli import app
from tscompat.python_side.scripts import FUNCTIONS
from workflows import CELLS, EXPRESSION, PATHS, TOP, filled, jobs, read, rows, steps

LONG = {"bench", "cuda", "full", "fuzz", "large", "mutants", "sabotage", "sensitivity"}
"""The sessions that no push waits for."""
NOXFILE = (TOP / "noxfile.py").read_text(encoding="utf-8")
PAGE = (TOP / "docs" / "gate-your-build.md").read_text(encoding="utf-8")
STEPS = list(steps())
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PATHS.items()}
PUBLISHING = {
    ("compat", "page"): {"pages": "write", "id-token": "write"},
    ("release", "publish"): {"id-token": "write", "attestations": "write"},
}


def output(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=TOP, capture_output=True, encoding="utf-8", timeout=120, check=True
    ).stdout


def test_the_workflows_are_valid() -> None:
    files = map(str, PATHS.values())
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout


# sessions, commands, options


def named_sessions() -> Iterator[tuple[str, str, list[str]]]:
    """Where a session is named, the session, and the arguments behind ``--``."""
    for step in STEPS:
        script = spelled(step.script, step.variables)
        for found in re.finditer(r"\bnox (-.*)", script):
            options, _, arguments = found[1].partition(" -- ")
            flag, *sessions = options.split()
            assert flag == "-s"
            yield from ((step.where, session, shlex.split(arguments)) for session in sessions)


def spelled(script: str, variables: dict[str, str]) -> str:
    """A script with the step's variables, and on one line what goes on over several. A variable whose value only GitHub
    knows is one word if it is quoted, and none if it is not.
    """
    script = re.sub(r"\\\n\s*", " ", script)
    script = re.sub(r"\$\{\w+:\+(.*?)\}", r"\1", script)
    for name, value in variables.items():
        known = "" if "${{" in value else value
        script = re.sub(rf"\${name}\b", known, script.replace(f'"${name}"', known or name))
    return EXPRESSION.sub("EXPRESSION", script)


def commands() -> Iterator[tuple[str, str, list[str]]]:
    """Where a command of tscompat stands, its verb, and its arguments."""
    for step in STEPS:
        script = spelled(step.script, step.variables)
        for verb, arguments in re.findall(r"\btscompat ([a-z]+)((?: [^|&;<>\n]*)?)", script):
            yield step.where, verb, shlex.split(arguments)
    verbs = dict(re.findall(r'^def (\w+)\(session.*?\n(?:    .*\n)*?    run_tscompat\(session, "(\w+)"', NOXFILE, re.M))
    for where, session, arguments in named_sessions():
        if session in verbs:
            yield where, verbs[session], arguments
    for options in gated():
        yield "docs/gate-your-build.md", "gate", shlex.split(options)


def gated() -> list[str]:
    """The options that docs/gate-your-build.md gives to gate.yml."""
    return re.findall(r"^ +options: (.*)$", PAGE, re.MULTILINE)


def sessions() -> set[str]:
    """The sessions of the noxfile, as nox lists them."""
    return {*re.findall(r"^[*-] (\S+)", output("nox", "-l"), re.MULTILINE)}


def test_every_session_that_is_named_is_there() -> None:
    assert {session for _, session, _ in named_sessions()} <= sessions()


def test_every_session_but_the_long_ones_runs_on_each_push() -> None:
    assert {session for where, session, _ in named_sessions() if where.startswith("ci: ")} == sessions() - LONG


def unknown(verb: str, arguments: list[str]) -> str:
    """Why the real command does not take these arguments; empty if it does."""
    command: Any = typer.main.get_command(app)
    found = command.get_command(None, verb)
    if found is None:
        return "no such command"
    try:
        context = found.make_context(verb, list(arguments))
    except Exception as error:  # typer has its own kinds of click's errors
        return str(getattr(error, "message", error)) or type(error).__name__
    return next((f"no such option: {word}" for word in context.args if word.startswith("-")), "")


@pytest.mark.parametrize(
    ("where", "verb", "arguments"), [pytest.param(*each, id=" ".join(each[:2])) for each in commands()]
)
def test_every_command_takes_its_options(where: str, verb: str, arguments: list[str]) -> None:
    assert unknown(verb, arguments) == "", f"{where}: tscompat {verb} {' '.join(arguments)}"


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("run", ["--shards", "1/2"]), ("merge", ["a", "--markdown", "b"]), ("compare", ["a"]), ("gone", [])],
    ids=["run", "option", "argument", "verb"],
)
def test_what_a_command_does_not_take_is_seen(verb: str, arguments: list[str]) -> None:
    assert unknown(verb, arguments)


def test_commands_of_each_kind_were_found() -> None:
    assert {verb for _, verb, _ in commands()} >= {"compare", "doctor", "gate", "merge", "run"}
    assert any("--no-dotnet" in arguments for _, _, arguments in commands())


def test_what_goes_to_pytest_is_an_option_of_pytest() -> None:
    given = [word for _, session, words in named_sessions() if session not in ("matrix", "gate") for word in words]
    given += [word for step in STEPS for found in re.findall(r"-m pytest (.*)", step.script) for word in found.split()]
    options = {word.partition("=")[0] for word in given if word.startswith("-")}
    known = output("pytest", "--help", "-p", "no:cacheprovider")
    assert options
    assert [each for each in options if not re.search(rf"(?<![\w-]){each}\b", known)] == []


# files, jobs, outputs


@pytest.mark.parametrize("workflow", PATHS)
def test_every_file_that_is_named_is_there(workflow: str) -> None:
    named = re.findall(
        r"(?<![\w/.-])(?:(?:cases|docs|dotnet|harness|tests|\.github)/[\w.*/-]+|pyproject\.toml|noxfile\.py)",
        re.sub(r"\brepository: .*", "", TEXTS[workflow]),
    )
    assert named
    assert [each for each in named if not any(TOP.glob(each.rstrip("./")))] == []


@pytest.mark.parametrize("workflow", PATHS)
def test_jobs_and_outputs_that_are_named_are_there(workflow: str) -> None:
    of = read(workflow)["jobs"]
    faults: list[str] = []
    for name, job in of.items():
        needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        faults += [f"{name} needs {each}" for each in needs if each not in of]
        text = json.dumps(job)
        for other, field in re.findall(r"\bneeds\.([\w-]+)\.(outputs\.[\w-]+|result)", text):
            if other not in needs or (field != "result" and field.split(".")[1] not in of[other].get("outputs", {})):
                faults.append(f"{name}: needs.{other}.{field}")
        ids = {step.get("id") for step in job.get("steps", [])}
        faults += [f"{name}: steps.{each}" for each in re.findall(r"\bsteps\.([\w-]+)\.", text) if each not in ids]
        keys = {f"{key}" for row in rows(job) for key in row} | {f"cell.{key}" for cell in CELLS for key in cell}
        faults += [f"{name}: matrix.{each}" for each in re.findall(r"\bmatrix\.([\w.-]+)", text) if each not in keys]
    assert faults == []


def test_what_a_step_writes_is_what_its_outputs_are() -> None:
    assert re.findall(r'"(\w+)=" \+', TEXTS["compat"]) == ["cells"]
    written = re.findall(r"(?:\"|\\n)(\w+)=\{", (TOP / ".github" / "prerelease.py").read_text(encoding="utf-8"))
    assert {*re.findall(r"steps\.newest\.outputs\.(\w+)", TEXTS["nightly"])} == {*written}


def test_artifacts_that_are_downloaded_are_uploaded() -> None:
    uploaded = {
        filled(each.fields["with"]["name"], each.row)
        for each in STEPS
        if "upload-artifact@" in each.fields.get("uses", "")
    }
    taken = [
        given.get("name") or given["pattern"]
        for each in STEPS
        if "download-artifact@" in each.fields.get("uses", "") and not each.where.startswith("gate: ")
        for given in [each.fields["with"]]
    ]
    assert taken
    assert [name for name in taken if not any(re.fullmatch(name.replace("*", ".+"), each) for each in uploaded)] == []


def test_the_page_calls_the_gate_with_inputs_that_it_has() -> None:
    inputs = read("gate")["on"]["workflow_call"]["inputs"]
    calls = [
        {*re.findall(r"^ +(\w+):", call, re.MULTILINE)} for call in re.findall(r"with:\n(.*?)```", PAGE, re.DOTALL)
    ]
    assert len(calls) == 3
    required = {name for name, fields in inputs.items() if fields.get("required")}
    assert all(required <= given <= inputs.keys() for given in calls)


def test_the_page_has_a_call_for_a_dll_a_native_folder_and_packages() -> None:
    assert [options.split()[0] for options in gated()] == ["--torchsharp-dll", "--native", "--torchsharp"]


# what every workflow keeps to


@pytest.mark.parametrize("workflow", PATHS)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(workflow: str) -> None:
    used = re.findall(r"uses: (.*)", TEXTS[workflow])
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_an_action_has_one_commit_everywhere() -> None:
    used = {each for text in TEXTS.values() for each in re.findall(r"uses: (.*)", text)}
    by_action = [re.sub(r"^([\w-]+/[\w-]+)[^@]*@", r"\1@", each) for each in used]
    assert len({each.partition("@")[0] for each in by_action}) == len({*by_action})


def test_only_the_jobs_that_publish_may_write() -> None:
    assert {name: read(name)["permissions"] for name in PATHS} == {name: {"contents": "read"} for name in PATHS}
    found = {(workflow, name): job["permissions"] for workflow, name, job in jobs() if "permissions" in job}
    assert found == PUBLISHING


def test_no_failure_is_passed_over() -> None:
    assert [name for name, text in TEXTS.items() if "continue-on-error" in text] == []


def test_every_row_that_a_condition_asks_for_is_there() -> None:
    asked = {
        (workflow, name, key, value)
        for workflow, name, job in jobs()
        for step in job.get("steps", [])
        for key, value in re.findall(r"matrix\.(\w+) == '([^']*)'", str(step.get("if", "")))
    }
    assert asked
    there = {(workflow, name, key, str(row[key])) for workflow, name, job in jobs() for row in rows(job) for key in row}
    assert asked <= there


def test_upstreams_scripts_are_tested_where_verdicts_ask_for_them() -> None:
    assert {*read("ci")["env"]["WITH_SCRIPTS"].split()} >= {"matrix", "gate", "reproductions"}


def test_the_report_is_made_where_a_run_failed_and_a_release_is_tried_first() -> None:
    assert read("compat")["jobs"]["report"]["if"].startswith("${{ !cancelled() ")
    assert "needs.run.result" not in read("compat")["jobs"]["report"]["if"]
    assert read("release")["jobs"]["publish"]["needs"] == "try"


def test_the_page_is_published_only_of_whole_runs() -> None:
    upload = next(step for step in read("compat")["jobs"]["report"]["steps"] if step.get("id") == "page")
    assert "steps.merge.outputs.whole == 'true'" in upload["if"]


def test_no_checkout_leaves_a_token_behind() -> None:
    checkouts = [each for each in STEPS if "actions/checkout@" in each.fields.get("uses", "")]
    assert checkouts
    assert [each.where for each in checkouts if each.fields["with"].get("persist-credentials") is not False] == []


def test_every_workflow_has_a_concurrency_and_every_job_a_limit() -> None:
    assert all("concurrency" in read(name) for name in PATHS)
    assert [(workflow, name) for workflow, name, job in jobs() if "timeout-minutes" not in job] == []


def test_every_job_that_builds_caches_packages() -> None:
    uncached = {
        (workflow, name)
        for workflow, name, job in jobs()
        if "setup-dotnet@" in json.dumps(job) and "~/.nuget/packages" not in json.dumps(job)
    }
    # A clean wheel is what a release tries, and a runner of one's own keeps its folders.
    assert uncached == {("release", "try"), ("nightly", "cuda")}


def test_the_scripts_come_from_one_pinned_commit_by_the_variables_that_a_run_knows() -> None:
    pinned = [re.findall(r"repository: dotnet/TorchSharp\n +ref: (.*)\n", TEXTS[name]) for name in ("ci", "compat")]
    assert pinned[0] == pinned[1]
    assert re.fullmatch("[0-9a-f]{40}", pinned[0][0])
    for name in ("ci", "compat"):
        assert set(re.findall(r"^ +(TSCOMPAT_\w+): .*?/src/Python/(\w+)\.py", TEXTS[name], re.MULTILINE)) == {
            (f"TSCOMPAT_{name.upper()}", name) for name in FUNCTIONS
        }


# cells


def test_the_cells_are_far_from_githubs_limit() -> None:
    assert [(workflow, name) for workflow, name, job in jobs() if len(rows(job)) > 64] == []


def test_a_cell_has_a_name_of_its_own_and_known_fields() -> None:
    names = [cell["name"] for cell in CELLS]
    assert len({*names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", name) for name in names)
    known = {"name", "os", "python", "dotnet", "torch", "options", "baseline"}
    assert [cell["name"] for cell in CELLS if not {"name", "os", "python"} <= cell.keys() <= known] == []


def test_the_baseline_of_a_cell_is_there() -> None:
    named = {cell["baseline"] for cell in CELLS if "baseline" in cell}
    assert {name for name in named if (TOP / "cases" / "baselines" / f"{name}.json.xz").exists()} == named != set()


def test_the_oldest_torch_of_the_cells_is_the_lowest_that_pyproject_allows() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = {each.replace(">=", "==") + ".*" for each in project["dependencies"] if each.startswith("torch")}
    (cell,) = [each for each in CELLS if "torch" in each]
    assert {*cell["torch"].split()} == lowest
    assert cell["python"] == project["requires-python"].removeprefix(">=")


def test_a_shard_is_one_of_as_many_as_the_matrix_has() -> None:
    job = read("compat")["jobs"]["run"]
    shards = {
        word for step in STEPS if step.where.startswith("compat: run") for word in re.findall(r"\d+/\d+", step.script)
    }
    assert shards == {
        f"{number}/{len(job['strategy']['matrix']['shard'])}" for number in job["strategy"]["matrix"]["shard"]
    }


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck on the PATH")
def test_shellcheck_has_nothing_to_say_about_the_scripts() -> None:
    scripts = {EXPRESSION.sub("expression", each.fields["run"]) for each in STEPS if "run" in each.fields}
    for script in scripts:
        ended = subprocess.run(
            ["shellcheck", "--shell=bash", "-"], input=script, capture_output=True, encoding="utf-8", check=False
        )
        assert ended.returncode == 0, ended.stdout
