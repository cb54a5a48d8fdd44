"""``tscompat routes``: the page that says which route carries what. May import divergences, results."""

from __future__ import annotations

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
        for path, result in zip(results, read, strict=True):
            if not result.complete:
                raise ResultsError(f"{path}: the run did not come to its end; run it again")
            if any(record.judgement.outcome is Outcome.FAILED for record in result.records):
                raise ResultsError(f"{path}: something failed; declare it or mend it first")
            for name in NAMED:
                if name not in result.environment:
                    raise ResultsError(f"{path}: its environment has no {name}: run it again with this tscompat")
                if result.environment[name] != read[0].environment[name]:
                    raise ResultsError(f"{path}: another {name} than in {results[0]}; make a page for each")
        out.write_text(
            routes_page(read[0].environment, [record for result in read for record in result.records]),
            encoding="utf-8",
            newline="\n",
        )
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(out)
