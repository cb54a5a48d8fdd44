"""``tscompat routes``: writes the page that states which route transfers what.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError
from tscompat.verdicts.divergences import DivergencesError


def routes_(out: Annotated[Path, typer.Option(help="The page.")] = Path("docs", "routes.md")) -> None:
    """Write docs/routes.md from the cases and the known divergences. It needs no run and no .NET."""
    try:
        out.write_text(page(), encoding="utf-8", newline="\n")
    except (CatalogueError, DivergencesError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(out)


def page() -> str:
    """The page, in Markdown. The versions of torch's formats are those of the torch that is installed."""
    from tscompat.matrix.expected import declared_versions, expected_records
    from tscompat.python_side.models.programs import format_versions
    from tscompat.results.routes_page import routes_page

    versions = declared_versions()
    return routes_page(versions, format_versions(), list(expected_records(versions)))
