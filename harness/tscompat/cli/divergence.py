"""``tscompat divergence``: the report of a known divergence, as it can be filed upstream, or a list of all.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from tscompat.resources.folders import data_folder
from tscompat.results.divergence_report import divergence_report
from tscompat.results.table import first_sentence
from tscompat.verdicts.coverage import read_covered
from tscompat.verdicts.entries import DivergencesError, newest_versions, read_entries


def divergence(
    name: Annotated[
        str, typer.Argument(help="The name of an entry of cases/divergences/; without it, all are listed.")
    ] = "",
) -> None:
    """Print the report of a known divergence, ready to be filed upstream; without a name, list all, one a line."""
    folder = data_folder("cases") / "divergences"
    try:
        entries, covered = read_entries(folder), read_covered(folder)
    except (DivergencesError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    if not name:
        width = max(map(len, entries))
        for each, entry in entries.items():
            typer.echo(f"{each:{width}}  {first_sentence(entry.cause)}")
    elif name in entries:
        typer.echo(divergence_report(name, entries[name], covered, newest_versions(entries)), nl=False)
    else:
        near = "".join(f"\n  {each}" for each in get_close_matches(name, entries, 3, 0.3))
        typer.echo(f"no known divergence is called {name!r}; the nearest names are{near}", err=True)
        raise typer.Exit(2)
