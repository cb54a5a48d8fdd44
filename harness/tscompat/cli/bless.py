"""``tscompat bless``: updates covered.json, the number of ids that each known divergence covers.

May import resources, catalogue, verdicts, routes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.resources.folders import data_folder
from tscompat.verdicts.coverage import Change, Survey, changes, read_covered, write_covered
from tscompat.verdicts.divergences import Divergence, DivergencesError
from tscompat.verdicts.entries import read_entries

SHOWN_IDS = 5


def bless(
    divergences: Annotated[
        bool, typer.Option("--divergences", help="Update covered.json: how many ids each known divergence covers.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Update covered.json, the number of ids that each known divergence covers: show the difference, ask, write.

    Refuses in CI.

    Exit codes: 0 written, declined or nothing to change; 2 refused.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        _refuse("this is CI: run bless yourself, look at the difference, and commit covered.json")
    if not divergences:
        _refuse("name what to bless: --divergences")
    try:
        _bless_divergences(yes)
    except (CatalogueError, DivergencesError, OSError) as error:
        _refuse(f"could not run: {error}")


def _bless_divergences(yes: bool) -> None:
    from tscompat.routes import verdict_ids

    folder = data_folder("cases") / "divergences"
    survey = Survey(Divergence.of(read_entries(folder)), map(str, verdict_ids(load_catalogue())))
    faults = list(survey.faults())
    if faults:
        _refuse("\n".join([*faults, "correct these first: nothing was written"]))
    covered = survey.covered()
    differences = changes(read_covered(folder), covered)
    if not differences:
        typer.echo("nothing to change")
        return
    _show(differences, survey)
    if yes or typer.confirm(f"Write {len(differences)} numbers?"):
        write_covered(folder, covered)


def _show(differences: Sequence[Change], survey: Survey) -> None:
    for (name, _, kind), of_one_table in groupby(differences, lambda change: change[:3]):
        typer.echo(f"{name} ({kind})")
        for change in of_one_table:
            typer.echo(f"  {change.route}: {change.old} → {change.new}")
            for verdict_id in survey.examples(change, SHOWN_IDS):
                typer.echo(f"    {verdict_id}")
            if change.new > SHOWN_IDS:
                typer.echo(f"    … and {change.new - SHOWN_IDS} more")


def _refuse(reason: str) -> None:
    typer.echo(reason, err=True)
    raise typer.Exit(2)
