"""The command that does a part of what a command did once more. Imports nothing of ours."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import cast

import typer

LEFT_OUT = ("keyword", "out")


def again(context: typer.Context, part: str) -> str:
    """The command of the context with its options and ``-k PART``, by nox if this one is by nox.

    An option that comes from a variable of the environment is named, too; ``-k`` and ``--out`` are left out.
    """
    words: list[str] = []
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if option.name in LEFT_OUT or not value:
            continue
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        words += (
            [option.opts[-1]] if value is True else [str(each) for one in values for each in (option.opts[-1], one)]
        )
    by_nox = Path(sys.prefix).parent.name == ".nox"
    command = ["nox", "-s", str(context.info_name), "--"] if by_nox else ["tscompat", str(context.info_name)]
    words = [*command, *words, "-k", part]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
