"""``tscompat merge``: one run of its shards. May import results, verdicts."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from tscompat.results.file import ResultsError, load_results, save_results
from tscompat.results.merge import Piece, merge_shards
from tscompat.verdicts.divergences import Outcome

from .ending import ending
from .run import Tables


def merge_(
    shards: Annotated[
        list[Path], typer.Argument(dir_okay=False, help="The results.json of each tscompat run --shard.")
    ],
    out: Annotated[Path, typer.Option(help="The folder into which results.json is written.")] = Path("results"),
    tables: Tables = False,
) -> None:
    """Make one results.json of all shards of a run, as the whole run would have written it.

    Kept files stay where they are; the merged file names them from its own folder.

    Exit codes, as of the whole run: 0 nothing unexpected, 1 an incompatibility, 2 not the shards of one run.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        whole = merge_shards([_piece(shard, out) for shard in shards])
        save_results(whole, out / "results.json")
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    ending(whole, out / "results.json", tables=tables)
    if not whole.complete:
        raise typer.Exit(2)
    raise typer.Exit(1 if whole.problems or any(each.outcome is Outcome.FAILED for each in whole.verdicts) else 0)


def _piece(shard: Path, out: Path) -> Piece:
    folder = shard.absolute().parent
    with suppress(ValueError):  # on Windows no path leads from one drive to another
        folder = Path(os.path.relpath(folder, out.absolute()))
    return Piece(str(shard), folder.as_posix(), load_results(shard))
