"""``tscompat list``: the cases and routes that there are. May import catalogue, routes."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError, load_catalogue


def list_(
    pattern: Annotated[str, typer.Argument(help="Only ids that match: 'layout/*/bf16'.")] = "*",
    tag: Annotated[str, typer.Option(help="Only cases with this tag.")] = "",
    routes: Annotated[bool, typer.Option("--routes", help="List the routes instead of the cases.")] = False,
) -> None:
    """List the cases, or the routes, one a line: the id and what it tests."""
    if routes and tag:
        raise typer.BadParameter("routes have no tags", param_hint="--tag")
    try:
        lines = list(_routes() if routes else _cases(tag))
    except (CatalogueError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    matching = [(name, why) for name, why in lines if fnmatch(name, pattern)]
    if not matching:
        typer.echo(f"nothing matches {pattern!r}" + (f" with the tag {tag!r}" if tag else ""), err=True)
        raise typer.Exit(2)
    width = max(len(name) for name, _ in matching)
    for name, why in matching:
        typer.echo(f"{name:{width}}  {why}")


def _cases(tag: str) -> Iterable[tuple[str, str]]:
    return ((case.id, case.why) for case in load_catalogue().values() if not tag or tag in case.tags)


def _routes() -> Iterable[tuple[str, str]]:
    from tscompat.routes import ROUTES

    return ((route.name, route.why) for route in ROUTES.values())
