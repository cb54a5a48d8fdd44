"""Runs mutmut in a copy of the repository, and reads what became of each mutant.

mutmut finds sources only below ``.``, ``src`` and ``source``. So the copy's ``src`` is what ``harness`` is here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import tscompat

from .mutant import Mutant, excluded, read_mutants
from .rooms import ROOMS

TOP = Path(__file__).parents[2]
PACKAGE = Path(tscompat.__file__).parent
_CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
also_copy = ["docs", "FORMAT.md"]
only_mutate = {files}
pytest_add_cli_args = ["-p", "mutants.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
track_dependencies = false
use_git_change_detection = false
timeout_constant = 2.0
timeout_multiplier = 5.0
"""


def run_mutants(room: str, files: Sequence[str], folder: Path) -> list[Mutant]:
    """Run the mutants of these files of a room (paths from tscompat) in ``folder``, which is made for it.

    Raises subprocess.CalledProcessError if mutmut could not, for example because a test fails without a mutant.
    """
    copy(folder)
    tests = [str(test.relative_to(TOP)) for pattern in ROOMS[room] for test in sorted(TOP.glob(pattern))]
    sources = [f"src/tscompat/{file}" for file in files]
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(_CONFIGURATION.format(files=sources, tests=tests))
    temporary = folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 1)]
    # A process that has run threads must not fork, so torch and numpy get one.
    alone = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    paths = {"PYTHONPATH": str(folder / "tests"), "TMPDIR": str(temporary), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=folder, env={**os.environ, **alone, **paths}, check=True)
    mutants: list[Mutant] = []
    for file in files:
        mutants += read_mutants(folder / "mutants" / "src" / "tscompat", file)
        mutants += excluded((PACKAGE / file).read_text(encoding="utf-8"), file)
    return mutants


def copy(folder: Path) -> None:
    """Copy what the tests need: the package with its data in it, as in a wheel, the tests, and what they read."""
    package = folder / "src" / "tscompat"
    ignored = shutil.ignore_patterns("__pycache__", "bin", "obj")
    shutil.copytree(PACKAGE, package, ignore=ignored)
    for name in ("cases", "dotnet"):
        shutil.copytree(TOP / name, package / "_data" / name, ignore=ignored)
    for name in ("tests", "docs"):
        shutil.copytree(TOP / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "FORMAT.md"):
        shutil.copy(TOP / name, folder)
