"""``tscompat routes``: writes the pages of what is known: which route transfers what, and hostile files.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError
from tscompat.verdicts.divergences import DivergencesError


def routes_(out: Annotated[Path, typer.Option(help="The folder of the pages.")] = Path("docs")) -> None:
    """Write docs/routes.md and docs/hostile.md from the cases and the known divergences, without a run or .NET."""
    try:
        for name, page in pages():
            (out / name).write_text(page, encoding="utf-8", newline="\n")
            typer.echo(out / name)
    except (CatalogueError, DivergencesError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error


def pages() -> Iterator[tuple[str, str]]:
    """The name of each page, and the page in Markdown. Torch's formats are those of the torch that is installed."""
    from tscompat.matrix.expected import declared_versions, expected_records
    from tscompat.python_side.models.programs import format_versions
    from tscompat.results.hostile_page import hostile_page
    from tscompat.results.routes_page import routes_page

    versions = declared_versions()
    records = list(expected_records(versions))
    yield "routes.md", routes_page(versions, format_versions(), records)
    yield "hostile.md", hostile_page(versions, records)
