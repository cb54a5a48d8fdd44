"""``tscompat merge``: one run of its shards. May import results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tscompat.results.end import green
from tscompat.results.file import NOTHING_DECIDED, ResultsError, save_results
from tscompat.results.merge import merge_shards, read_piece

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
        file = out / "results.json"
        if any(file.resolve() == shard.resolve() for shard in shards):
            raise ResultsError(f"{file} is one of the shards: choose another folder with --out")
        whole = merge_shards([read_piece(shard, out) for shard in shards])
        out.mkdir(parents=True, exist_ok=True)
        save_results(whole, file)
    except (ResultsError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error
    ending(whole, file, tables=tables)
    if not whole.complete or NOTHING_DECIDED in whole.problems:
        raise typer.Exit(2)
    raise typer.Exit(0 if green(whole) else 1)
