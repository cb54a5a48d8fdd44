"""GitHub's workflows as data: jobs, the rows of a job's matrix, steps with a row's values; and a way to run a step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

TOP = Path(__file__).parents[1]
FOLDER = TOP / ".github" / "workflows"
PATHS = {path.stem: path for path in sorted(FOLDER.glob("*.yml"))}
CELLS: list[dict[str, str]] = tomllib.loads((TOP / ".github" / "cells.toml").read_text(encoding="utf-8"))["cell"]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)


class Step(NamedTuple):
    """A step of a job, with one row of the job's matrix."""

    where: str
    """Workflow, job and place: ``ci: nox: 4``."""
    fields: dict[str, Any]
    row: Mapping[str, Any]

    @property
    def script(self) -> str:
        """What it runs, with the row's values in the place of ``${{ matrix.* }}``; empty for an action."""
        return filled(self.fields.get("run", ""), self.row)

    @property
    def variables(self) -> dict[str, str]:
        """Its own variables of the environment, with the row's values."""
        return {name: filled(str(value), self.row) for name, value in self.fields.get("env", {}).items()}


def read(workflow: str) -> dict[str, Any]:
    loaded: Any = YAML(typ="safe", pure=True).load(PATHS[workflow].read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType]
    return loaded


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The workflow, name and fields of each job."""
    for workflow in PATHS:
        for name, job in read(workflow)["jobs"].items():
            yield workflow, name, job


def rows(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a job's matrix: those of ``include``, or all combinations. An expression is the table of cells."""
    matrix = job.get("strategy", {}).get("matrix", {})
    if "include" in matrix:
        return list(matrix["include"])
    axes = {name: CELLS if isinstance(values, str) else values for name, values in matrix.items()}
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def steps() -> Iterator[Step]:
    """Each step of each job, with each row of its matrix."""
    for workflow, name, job in jobs():
        for row in rows(job):
            for number, fields in enumerate(job.get("steps", []), 1):
                yield Step(f"{workflow}: {name}: {number}", fields, row)


def step(workflow: str, job: str, name: str, **row: Any) -> Step:
    """The step of this name or id, with a row of the matrix."""
    found = [each for each in read(workflow)["jobs"][job]["steps"] if name in (each.get("name"), each.get("id"))]
    (fields,) = found
    return Step(f"{workflow}: {job}: {name}", fields, row)


def filled(text: str, row: Mapping[str, Any]) -> str:
    """A text with the row's values; an expression of anything else stays."""

    def value(found: re.Match[str]) -> str:
        scope, *names = found[1].split(".")
        if scope != "matrix":
            return found[0]
        there: Any = row
        for name in names:
            there = there.get(name, "")
        return str(there)

    return EXPRESSION.sub(value, text)


def run(of: Step, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does (with ``pipefail`` only where it names its shell), in ``folder``, with the Python of
    the tests and without an index of packages.
    """
    written = {name: str(folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    environment = {**os.environ, **written, **of.variables, **variables, "PIP_NO_INDEX": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", *(["-o", "pipefail"] if "shell" in of.fields else []), "-c", of.script],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
