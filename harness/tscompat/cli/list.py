"""``tscompat list``: the cases and routes that there are. May import values, catalogue, routes."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.values.verdict import VerdictId


def list_(
    pattern: Annotated[str, typer.Argument(help="Only ids that match: 'layout/*/bf16'.")] = "*",
    routes: Annotated[bool, typer.Option("--routes", help="List the routes instead of the cases.")] = False,
) -> None:
    """List the cases, or the routes, one a line: the id and what it tests."""
    try:
        lines = list(_routes() if routes else _cases())
    except (CatalogueError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    matching = [(name, why) for name, why in lines if fnmatch(name, pattern)]
    if not matching:
        typer.echo(f"nothing matches {pattern!r}{_of_verdict(pattern)}", err=True)
        raise typer.Exit(2)
    width = max(len(name) for name, _ in matching)
    for name, why in matching:
        typer.echo(f"{name:{width}}  {why}")


def _of_verdict(text: str) -> str:
    """A hint that names the case, if the text is a verdict's id; else empty."""
    try:
        case = VerdictId.parse(text).case
    except ValueError:
        return ""
    return f", but that is a verdict's id: its case is {case}" if case in load_catalogue() else ""


def _cases() -> Iterable[tuple[str, str]]:
    return ((case.id, case.why) for case in load_catalogue().values())


def _routes() -> Iterable[tuple[str, str]]:
    from tscompat.routes import ROUTES

    return ((route.name, route.why) for route in ROUTES.values())
