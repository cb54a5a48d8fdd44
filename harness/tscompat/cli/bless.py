"""``tscompat bless``: what known divergences cover and name: covered.json, and versions that a run has observed.

May import resources, catalogue, verdicts, routes, results.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.resources.folders import data_folder
from tscompat.results.file import ResultsError, load_results
from tscompat.results.goes_on import goes_on
from tscompat.verdicts.coverage import Change, Survey, changes, read_covered, write_covered
from tscompat.verdicts.divergences import Divergence, DivergencesError
from tscompat.verdicts.entries import add_versions, read_entries

SHOWN_IDS = 5


def bless(
    divergences: Annotated[
        bool, typer.Option("--divergences", help="Update covered.json, and the versions of cases/divergences.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="The output folder of a run, which may have observed divergences in a new version.")
    ] = Path("results"),
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Update what is written of the known divergences: show the difference, ask, write.

    covered.json has the number of ids that each covers. An entry gets the versions that no entry names, if the run in
    the output folder found each of its verdicts as it predicts. Refuses in CI.

    Exit codes: 0 written, declined or nothing to change; 2 refused.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        _refuse("this is CI: run bless yourself, look at the difference, and commit covered.json")
    if not divergences:
        _refuse("name what to bless: --divergences")
    try:
        _bless_divergences(out / "results.json", yes)
    except (CatalogueError, DivergencesError, ResultsError, OSError) as error:
        _refuse(f"could not run: {error}")


def _bless_divergences(results: Path, yes: bool) -> None:
    from tscompat.routes import verdict_ids

    folder = data_folder("cases") / "divergences"
    entries = read_entries(folder)
    survey = Survey(Divergence.of(entries), map(str, verdict_ids(load_catalogue())))
    faults = list(survey.faults())
    if faults:
        _refuse("\n".join([*faults, "correct these first: nothing was written"]))
    covered = survey.covered()
    differences = changes(read_covered(folder), covered)
    observed = goes_on(load_results(results), entries) if results.exists() else []
    if not differences and not observed:
        typer.echo("nothing to change")
        return
    _show(differences, survey)
    for each in observed:
        typer.echo(f"{each.name}: goes on in {', '.join(each.versions)} ({each.verdicts} verdicts)")
    if yes or typer.confirm(f"Write {len(differences)} numbers, and versions of {len(observed)} entries?"):
        write_covered(folder, covered)
        add_versions(folder, {each.name: each.versions for each in observed})


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
