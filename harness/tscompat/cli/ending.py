"""What a verb prints at the end of a run. May import resources, results."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from tscompat.resources.folders import data_folder
from tscompat.results.comparison import SUFFIX, load
from tscompat.results.end import Against, show_end
from tscompat.results.file import Results
from tscompat.results.table import show_tables

WIDTH = 120
"""The columns of what is no terminal."""


def ending(results: Results, file: Path, *, tables: bool) -> None:
    """Print the end of a run, whose results are in ``file``; first the large tables, if they are wanted."""
    console = Console(width=None if os.isatty(1) else WIDTH)
    if tables:
        show_tables(results, console)
    show_end(results, console, committed(results))
    console.print(f"\n{file}\nas a page: tscompat report {file}", highlight=False, soft_wrap=True)


def committed(results: Results) -> Against | None:
    """The committed baseline of the platform that a run ran on; None where there is none."""
    platform, *others = {each.platform for each in results.environments.values()}
    path = data_folder("cases") / "baselines" / f"{platform}.json{SUFFIX}"
    return None if others or not path.exists() else Against(f"the baseline {path.name}", load(path))
