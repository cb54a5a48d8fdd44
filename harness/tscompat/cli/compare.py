"""``tscompat compare``: what differs between two runs. May import results."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from tscompat.results.comparison import DECIDED, Change, compare, load
from tscompat.results.file import ResultsError
from tscompat.results.table import counted

from .shown import shown

SHOWN = 20


def compare_(
    old: Annotated[Path, typer.Argument(dir_okay=False, help="A results.json of one version, or a baseline (.xz).")],
    new: Annotated[Path, typer.Argument(dir_okay=False, help="The same, of the later run.")],
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Fail, too, where the later run lacks what the earlier one decided."),
    ] = False,
) -> None:
    """Compare two runs: regressions, what is fixed, changed, not run any more, gone and new.

    Exit codes: 0 no regression, 1 a regression, a problem of the new run, with --complete also a verdict that is
    lost, 2 a file cannot be used.
    """
    try:
        before, after = load(old), load(new)
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    for name, side in (("old", before), ("new", after)):
        typer.echo(f"{name}: {len(side.verdicts)} verdicts; {side.ran_on}")
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    for change in compare(before, after):
        changes[change.what].append(change)
    for what, found in changes.items():
        typer.echo(f"{what} ({len(found)})")
        lines = [f"{each.verdict_id}: {' → '.join(filter(None, (each.before, each.after)))}" for each in found]
        for line in shown(lines, SHOWN):
            typer.echo(f"  {line}")
    if gone := len(changes["gone"]):
        words = "is it a part of a run (-k, --route, --device), or of fewer cases?"
        typer.echo(
            f"note: the new run has no verdict of {gone} of the {len(before.verdicts)} ids of the old one: {words}"
        )
    if undecided := len(changes["not run any more"]):
        words = counted(undecided, "verdict")
        whose = "its reason" if undecided == 1 else "their reasons"
        typer.echo(f"note: the new run has not decided {words} that the old one has decided: results.json has {whose}")
    for problem in after.problems:
        typer.echo(f"problem of the new run: {problem}")
    if not any(changes.values()):
        typer.echo("no verdict differs")
    lost = [each for each in changes["gone"] if before.verdicts[each.verdict_id].outcome in DECIDED]
    lost += changes["not run any more"]
    if complete and lost:
        typer.echo(f"--complete: the new run lacks {counted(len(lost), 'verdict')} that the old one has decided")
    raise typer.Exit(1 if changes["regression"] or after.problems or (complete and lost) else 0)
