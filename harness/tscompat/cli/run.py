"""``tscompat run``: the matrix through pytest, then the table. May import results, routes."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console

from tscompat.results.file import load_results
from tscompat.results.table import show

PYTEST_CODES = {0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 130: 130}
"""pytest's exit codes (and the controller's 130) in the house's: everything that is no verdict is "could not run"."""

Device = StrEnum("Device", ["cpu", "cuda", "cuda-cpu", "cpu-cuda"])


def run(
    context: typer.Context,
    keyword: Annotated[str, typer.Option("-k", help="Only ids that match, as in pytest: 'bf16 and not layout'.")] = "",
    route: Annotated[list[str] | None, typer.Option(help="Only this route; may be given again.")] = None,
    device: Annotated[
        list[Device] | None, typer.Option(help="Only this device (writer-reader); may be given again.")
    ] = None,
    workers: Annotated[
        str, typer.Option("-n", "--workers", help="Workers: a number, or auto for one a core.")
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Output folder: results.json, files of what was unexpected.")] = Path(
        "results"
    ),
) -> None:
    """Run the compatibility matrix. What it does not know itself goes to pytest (-x, --lf, -v, --junitxml=...).

    Exit codes: 0 nothing unexpected, 1 an incompatibility, 2 could not run, 130 interrupted.
    """
    package = Path(__file__).parent.parent / "matrix"
    arguments = [
        *("-c", str(package / "pytest.ini"), "--rootdir", str(package), "-p", "tscompat.matrix.plugin"),
        *("-o", f"cache_dir={out.absolute() / '.pytest_cache'}", "--tscompat-out", str(out.absolute())),
        *("-n", workers, "-q", "--no-header", "--tb=short", "-r", "N"),
        *(f"--tscompat-route={name}" for name in route or ()),
        *(f"--tscompat-device={name}" for name in device or ()),
        *(("-k", keyword) if keyword else ()),
        *context.args,
        str(package / "test_matrix.py"),
    ]
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.json"
    results.unlink(missing_ok=True)
    code = PYTEST_CODES.get(int(pytest.main(arguments)), 2)
    if results.exists():
        console = Console(width=None if os.isatty(1) else 120)
        show(load_results(results), console)
        console.print(f"\n{results}", highlight=False)
    raise typer.Exit(code)
