"""What a verb prints at the end of a run. May import resources, results."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from tscompat.resources.folders import data_folder
from tscompat.resources.repeat import repeat
from tscompat.results.comparison import SUFFIX, load
from tscompat.results.end import Against, show_end
from tscompat.results.file import Results, ResultsError
from tscompat.results.table import show_tables

WIDTH = 120
"""The columns of what is no terminal."""


def ending(results: Results, file: Path, *, tables: bool) -> None:
    """Print the end of a run, whose results are in ``file``; first the large tables, if they are wanted."""
    console = Console(width=None if os.isatty(1) else WIDTH)
    if tables:
        show_tables(results, console)
    try:
        against = committed(results)
    except (ResultsError, OSError) as error:
        against = None
        console.print(f"note: the committed baseline cannot be used: {error}", highlight=False, soft_wrap=True)
    show_end(results, console, against)
    console.print(f"\n{file}\nas a page: {repeat('report', [str(file)])}", highlight=False, soft_wrap=True)


def committed(results: Results) -> Against | None:
    """The committed baseline of the platform that a run ran on; None where there is none.

    Raises ResultsError and OSError where it cannot be used.
    """
    platform, *others = {each.platform for each in results.environments.values()}
    path = data_folder("cases") / "baselines" / f"{platform}.json{SUFFIX}"
    return None if others or not path.exists() else Against(f"the baseline {path.name}", load(path))
