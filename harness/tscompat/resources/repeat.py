"""The command line that runs a verb of tscompat again. Imports nothing of ours."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SESSION = {"run": ("nox", "--"), "gate": ("nox", "-s", "gate", "--")}
"""How nox starts a verb."""


def repeat(verb: str, words: Sequence[str]) -> str:
    """The command line of a verb with these words, by nox if this process is in an environment of nox: there a verb
    without a session is one of its Python.
    """
    by_nox = Path(sys.prefix).parent.name == ".nox"
    python = os.path.relpath(sys.executable) if by_nox and Path.cwd() in Path(sys.prefix).parents else sys.executable
    command = [*(SESSION.get(verb, (python, "-m", "tscompat", verb)) if by_nox else ("tscompat", verb)), *words]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
