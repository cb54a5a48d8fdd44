"""``tscompat doctor``: what a run needs, what is there, what to do if it is missing. May import resources, dotnet_side.

TorchSharp is not loaded: the files of its publish are examined. Torch is imported in a process of its own. One process
cannot hold both, and a broken install of either could crash it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tscompat.dotnet_side import build, cache, glibcxx, pairs
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.replacement import references
from tscompat.resources.folders import data_folder, fast_folder
from tscompat.resources.memory import available_memory

_SHOWN_PAIRS = [*pairs.LIBTORCH.items()][:3]
"""The pairs of versions that belong together and are shown."""
NEEDED_MEMORY = 2e9
NEEDED_TEMPORARY = 0.5e9

_EXPECTED = (BuildError, OSError, ValueError, LookupError, ImportError, RuntimeError, subprocess.SubprocessError)
_ASK_TORCH = """
import json, torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "devices": names}))
"""


class Problem(NamedTuple):
    """What is wrong, and what to do."""

    found: str
    todo: str


class Check(NamedTuple):
    """A row of the table."""

    name: str
    look: Callable[[], str | Problem]
    """Returns what it found, or a Problem."""
    needed: bool = True
    """Whether a problem with it stops every run, even on the CPU, and makes the exit code 2."""


def python() -> str | Problem:
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}"
    if platform.python_implementation() != "CPython":
        return Problem(found, "use CPython: pythonnet runs in no other Python")
    return found


def torch() -> str:
    asked = ask_torch()
    cuda = asked["cuda"]
    return f"{asked['version']}, built for {f'CUDA {cuda}' if cuda else 'the CPU only'}"


def cuda_device() -> str:
    return ", ".join(ask_torch()["devices"]) or "none: cases on CUDA will be not-run"


def pythonnet() -> str:
    return importlib.metadata.version("pythonnet")


def dotnet_sdk() -> str:
    return build.sdk_version(data_folder("dotnet"))


def dotnet_runtime() -> str | Problem:
    listed = subprocess.run(
        [build.dotnet_command(), "--list-runtimes"], capture_output=True, text=True, check=True, timeout=60
    )
    versions = re.findall(r"^Microsoft\.NETCore\.App (\S+)", listed.stdout, re.MULTILINE)
    if not any(int(version.split(".")[0]) >= build.OLDEST_SDK for version in versions):
        return Problem(", ".join(versions) or "none", f"install the .NET runtime {build.OLDEST_SDK} or later")
    return ", ".join(versions)


def torchsharp() -> str:
    publish = build.find_built()
    return f"{publish.torchsharp}, built in {publish.folder}" if publish else "not built yet: the first run builds it"


def libtorch() -> str:
    publish = _publish()
    return f"{publish.libtorch} for {publish.rid}" if publish else "comes with the build of TorchSharp"


def pybridge() -> str:
    publish = _publish()
    return publish.pybridge if publish else "comes with the build of TorchSharp"


def versions() -> str | Problem:
    publish = _publish()
    known = "; ".join(f"TorchSharp {first} and later with libtorch {torch}" for first, torch in _SHOWN_PAIRS)
    if publish is None:
        return known
    wanted = pairs.libtorch_for(publish.torchsharp)
    if wanted not in (None, publish.libtorch):
        found = f"TorchSharp {publish.torchsharp} with libtorch {publish.libtorch}"
        return Problem(found, f"this TorchSharp was built against libtorch {wanted}: give --libtorch {wanted}")
    return known


def assembly(path: Path) -> str | Problem:
    """Whether a person's assembly fits the TorchSharp of the publish. Nothing of it is run."""
    publish = _publish()
    if publish is None:
        return Problem(str(path), "TorchSharp is not built yet: tscompat verify builds it, as does a run")
    named = {each.name: each for each in references(publish, path)}
    if "TorchSharp" not in named:
        return Problem("it does not refer to TorchSharp", "give the .dll that has your modules")
    found = f"built for TorchSharp {named['TorchSharp'].short}"
    if named["TorchSharp"].short != publish.torchsharp.partition("-")[0]:
        libtorch = pairs.libtorch_for(named["TorchSharp"].short)
        options = f"--torchsharp {named['TorchSharp'].short}{f' --libtorch {libtorch}' if libtorch else ''}"
        return Problem(found, f"{publish.torchsharp} is here: give verify {options}, or build it for this one")
    return found


def libstdcxx() -> str:
    if sys.platform != "linux":
        return "not needed here"
    has = f"has {newest(glibcxx.host_versions())}"
    publish = _publish()
    if publish is None:
        return has
    library = glibcxx.Elf((publish.folder / glibcxx.LIBRARY).read_bytes())
    wants = newest(need.version for need in library.needs())
    unused = ", which nothing in it uses: made optional in our copy" if publish.patched else ""
    return f"{has}, TorchSharp asks for {wants}{unused}"


def disk() -> str | Problem:
    folder = cache.cache_folder()
    while not folder.exists():
        folder = folder.parent
    built = _publish() is not None
    if not built and not os.access(folder, os.W_OK):
        return Problem(f"no right to write in {folder}", "allow this user to write there: the first run builds there")
    needed = 0 if built else build.NEEDED_BYTES
    return _enough(shutil.disk_usage(folder).free, needed, f"free in {folder}", "free some disk space")


def temporary_folder() -> str | Problem:
    folder = fast_folder()
    todo = "free some space there, or point TMPDIR at a larger folder"
    return _enough(shutil.disk_usage(folder).free, NEEDED_TEMPORARY, f"free in {folder}", todo)


def memory() -> str | Problem:
    available = available_memory()
    return _enough(available, NEEDED_MEMORY, "available", "close other programs, or run with one worker (-n 1)")


CHECKS = (
    Check("Python", python),
    Check("torch", torch),
    Check("pythonnet", pythonnet),
    Check(".NET SDK", dotnet_sdk),
    Check(".NET runtime", dotnet_runtime),
    Check("TorchSharp", torchsharp),
    Check("libtorch", libtorch),
    Check("PyBridge", pybridge),
    Check("versions", versions),
    Check("libstdc++", libstdcxx),
    Check("CUDA device", cuda_device, needed=False),
    Check("disk space", disk),
    Check("temporary folder", temporary_folder, needed=False),
    Check("memory", memory, needed=False),
)


def examine(check: Check) -> str | Problem:
    """Run one check. An error in the check is a Problem, too."""
    try:
        return check.look()
    except _EXPECTED as error:
        return Problem("not found", str(error))


def doctor(
    own: Annotated[
        Path | None,
        typer.Option(
            "--assembly", metavar="DLL", help="Your assembly: was it built for this TorchSharp? It is not run"
        ),
    ] = None,
) -> None:
    """Check Python, torch, .NET, TorchSharp and the machine: each is ok, or the table shows what to do.

    Exit codes: 0 a run can begin (and the assembly fits), 2 it cannot.
    """
    table = Table("", "found", "ok, or what to do")
    able = True
    for check in (*CHECKS, *([Check(own.name, functools.partial(assembly, own))] if own else [])):
        result = examine(check)
        if isinstance(result, Problem):
            able = able and not check.needed
            table.add_row(check.name, Text(result.found), Text(result.todo, "red"))
        else:
            table.add_row(check.name, Text(result), Text("ok", "green"))
    Console().print(table)
    if not able:
        raise typer.Exit(2)


def newest(versions: Iterable[str]) -> str:
    """The newest GLIBCXX version among ``versions``. Raises ValueError if there is none."""
    numbered = (version for version in versions if re.fullmatch(r"GLIBCXX_[\d.]+", version))
    return max(numbered, key=lambda version: [int(part) for part in version.removeprefix("GLIBCXX_").split(".")])


@functools.cache
def ask_torch() -> dict[str, Any]:
    """Torch's version, its CUDA version and device names, asked once. Raises RuntimeError if torch does not import."""
    asked = subprocess.run([sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False, timeout=120)
    if asked.returncode:
        lines = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        raise RuntimeError(f"import torch fails ({lines[-1]}): install torch again")
    return json.loads(asked.stdout)


def _publish() -> Publish | None:
    try:
        return build.find_built()
    except BuildError:
        return None  # the reason is in the row about TorchSharp


def _enough(free: float, needed: float, where: str, todo: str) -> str | Problem:
    found = f"{free / 1e9:.1f} GB {where}"
    if free < needed:
        return Problem(found, f"{todo}: {needed / 1e9:.1f} GB are needed")
    return found
