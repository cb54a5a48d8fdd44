"""``tscompat routes``: the page that says which route carries what. May import divergences, results."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from tscompat.results.file import ResultsError, load_results
from tscompat.results.routes_page import NAMED, routes_page
from tscompat.verdicts.divergences import Outcome


def routes_(
    results: Annotated[list[Path], typer.Argument(help="results.json of a run; several are taken together.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs", "routes.md"),
) -> None:
    """Write docs/routes.md from the results of runs (a full one, a large one)."""
    try:
        read = [load_results(path) for path in results]
        first, *_ = read[0].environments.values()
        for path, result in zip(results, read, strict=True):
            if not result.complete:
                raise ResultsError(f"{path}: the run did not come to its end; run it again")
            if any(record.outcome is Outcome.FAILED for record in result.verdicts):
                raise ResultsError(f"{path}: something failed; declare it or mend it first")
            for name, environment in product(NAMED, result.environments.values()):
                if getattr(environment, name) != getattr(first, name):
                    raise ResultsError(f"{path}: another {name} than in {results[0]}; make a page for each")
        out.write_text(
            routes_page(first, [record for result in read for record in result.verdicts]),
            encoding="utf-8",
            newline="\n",
        )
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(out)
