"""The command that does one part of a command's work again. Imports nothing of ours."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import typer


def again(context: typer.Context, part: str, without: str) -> str:
    """This command with the options that were given, but for ``without``, and ``-k PART``: by nox, if this one runs so.

    An option that a variable of the environment has given is named, too.
    """
    words: list[str] = []
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if option.name in ("keyword", without) or not value:
            continue
        values: list[object] = value if isinstance(value, list) else [value]
        words += (
            [option.opts[-1]] if value is True else [str(each) for one in values for each in (option.opts[-1], one)]
        )
    command = ["nox", "-s", str(context.info_name), "--"] if Path(sys.prefix).parent.name == ".nox" else None
    words = [*(command or ["tscompat", str(context.info_name)]), *words, "-k", part]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
