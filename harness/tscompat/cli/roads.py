"""``tscompat roads``: the page that says which road carries what. May import results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tscompat.results.file import ResultsError, load_results
from tscompat.results.roads import roads


def roads_(
    results: Annotated[list[Path], typer.Argument(help="results.json of a run; several are taken together.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs", "roads.md"),
) -> None:
    """Write docs/roads.md from the results of runs (a full one, a large one)."""
    try:
        read = [load_results(path) for path in results]
        for path, result in zip(results, read, strict=True):
            if not result.complete:
                raise ResultsError(f"{path}: the run did not come to its end; run it again")
        out.write_text(
            roads(read[0].environment, [record for result in read for record in result.records]),
            encoding="utf-8",
            newline="\n",
        )
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(out)
