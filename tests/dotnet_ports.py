"""Builds the sample classes of tests/dotnet, as a person builds a port of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tscompat.dotnet_side.build import dotnet_command

SOURCES = Path(__file__).with_name("dotnet")


def build(project: Path, folder: Path, *properties: str) -> Path:
    """Build a class library into ``folder``, and return its .dll. Raises AssertionError with the compiler's words."""
    command = [dotnet_command(), "build", str(project), "--configuration", "Release", "--nologo"]
    done = subprocess.run(
        [*command, "--disable-build-servers", "--artifacts-path", str(folder), *properties],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return next((folder / "bin").rglob(f"{project.stem}.dll"))
