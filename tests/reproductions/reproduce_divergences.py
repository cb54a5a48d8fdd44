"""The reproduction of each known divergence, run in processes that know nothing of this suite: `nox -s reproductions`.

The pieces of an entry run in their order, each in a process of its own, all in one folder that is empty before. What
the last one prints must match ``shows``: otherwise upstream has corrected the fault, or the entry describes it wrongly.
cases/divergences/README.md describes the fields.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tscompat.dotnet_side.build import dotnet_command, ensure_built
from tscompat.python_side.scripts import FUNCTIONS
from tscompat.resources.folders import data_folder
from tscompat.verdicts.entries import BEFORE, Entry, read_entries

ENTRIES = read_entries(data_folder("cases") / "divergences")
SCRIPTS = {name: Path(path) for name in FUNCTIONS if (path := os.environ.get(f"TSCOMPAT_{name.upper()}"))}

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(path.absolute().parent) for path in SCRIPTS.values()),
    "PYTHONUTF8": "1",
    "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
}


def execute(command: list[str], folder: Path) -> tuple[int, str]:
    """Run a command; return its exit code and all that it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs an entry's C#, if the name of its class is appended. The C# of all is compiled once."""
    peer = ensure_built(progress=print).folder
    sources, built = (tmp_path_factory.mktemp(name) for name in ("sources", "built"))
    for name, entry in ENTRIES.items():  # those without C# have an empty class
        (sources / f"{name}.cs").write_text(as_class(name, entry.reproduction.csharp), encoding="utf-8")
    command = [
        *(dotnet_command(), "build", "--nologo", "-verbosity:quiet", "--disable-build-servers"),
        *("--artifacts-path", str(built), "--output", str(built / "out")),
        *(f"-p:Peer={peer}", f"-p:Sources={sources}"),
    ]
    code, printed = execute(command, Path(__file__).parent)
    assert code == 0, printed
    return [dotnet_command(), str(built / "out" / "Reproductions.dll"), str(peer)]


def as_class(name: str, piece: str) -> str:
    """The C# source of a class that runs a piece: statements, then (as in any C# program) the classes that they use."""
    statements, *classes = re.split("(?m)^(?=class )", piece, maxsplit=1)
    return f"""\
{BEFORE["csharp"]}
static class {class_name(name)}
{{
    public static void Run()
    {{
{statements}
    }}

{"".join(classes)}
}}
"""


def class_name(name: str) -> str:
    return name.replace("-", "_")


def why_not(entry: Entry) -> str | None:
    """Why an entry's reproduction does not run here; None if it does."""
    scripts = [name for name in FUNCTIONS if any(version.startswith(f"{name} ") for version in entry.versions)]
    for name in scripts:
        if name not in SCRIPTS:
            return f"TSCOMPAT_{name.upper()} has no path to {name}.py"
    if entry.reproduction.large and not os.environ.get("LARGE"):
        return "needs gigabytes: LARGE=1 runs it"
    if entry.reproduction.cuda:
        return "needs a CUDA device and a TorchSharp that sees it"
    return None


@pytest.mark.parametrize("name", ENTRIES)
def test_the_fault_shows(name: str, program: list[str], tmp_path: Path) -> None:
    reproduction = ENTRIES[name].reproduction
    reason = why_not(ENTRIES[name])
    if reason:
        pytest.skip(reason)
    *before, last = (
        [sys.executable, "-c", BEFORE["python"] + piece] if language == "python" else [*program, class_name(name)]
        for language, piece in reproduction.pieces
    )
    for command in before:
        code, printed = execute(command, tmp_path)
        assert code == 0, printed
    _, printed = execute(last, tmp_path)
    assert re.search(reproduction.shows, printed, re.MULTILINE), printed
