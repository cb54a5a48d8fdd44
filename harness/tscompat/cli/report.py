"""``tscompat report``: results as a page, in Markdown, as JUnit's XML, as a badge.

May import resources, verdicts, results, report.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.results.comparison import Baseline, compare, load
from tscompat.results.end import Against
from tscompat.results.file import Results, ResultsError, load_results
from tscompat.results.merge import Piece, merge, placed
from tscompat.verdicts.entries import DivergencesError, read_entries


def report_(
    results: Annotated[
        list[Path], typer.Argument(dir_okay=False, help="A results.json; several are of other versions or devices.")
    ],
    since: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="An earlier run's results.json, or a baseline (.xz): what changed since."),
    ] = None,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The page.")] = Path("results/report.html"),
    markdown: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A summary for a job of GitHub Actions.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(dir_okay=False, help="JUnit's XML.")] = None,
    badge: Annotated[Path | None, typer.Option(dir_okay=False, help="JSON for a badge of shields.io.")] = None,
) -> None:
    """Show results as a page: one HTML file, which loads nothing from the network.

    Exit codes: 0 written, whatever the results say; 2 a file cannot be used.
    """
    from tscompat.report.badge import badge as badge_of
    from tscompat.report.data import changed, data_of
    from tscompat.report.junit import junit as junit_of
    from tscompat.report.page import page
    from tscompat.report.summary import summary

    try:
        whole = _whole(results, out)
        entries = read_entries(data_folder("cases") / "divergences")
        against = Against(str(since), load(since)) if since else None
        changes = ()
        if since and against:
            new = Baseline.of(whole, ", ".join(map(str, results)))
            earlier = load_results(since) if since.suffix == ".json" else None
            changes = changed(compare(against.baseline, new), earlier, whole)
        made = {
            out: page(whole, data_of(whole, out.parent, entries, changes), str(since or "")).encode(),
            markdown: summary(whole, against).encode(),
            junit: junit_of(whole),
            badge: badge_of(whole),
        }
        for file, content in made.items():
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, (content,))
                typer.echo(file)
    except (ResultsError, DivergencesError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error


def _whole(files: list[Path], out: Path) -> Results:
    """The results of all files, whose kept files are named from the page's folder.

    Raises ResultsError and OSError.
    """
    folders = [Path(os.path.relpath(file.absolute().parent, out.absolute().parent)).as_posix() for file in files]
    pieces = [Piece(str(file), folder, load_results(file)) for file, folder in zip(files, folders, strict=True)]
    if len(pieces) == 1:
        return placed(pieces[0])
    for piece in pieces:
        if piece.results.part:
            raise ResultsError(
                f"{piece.name}: found a shard; expected a whole run: tscompat merge makes one of all shards"
            )
    try:
        return merge(pieces)
    except ResultsError as error:
        raise ResultsError(f"{error}; to see what changed between two runs: tscompat report NEW --since OLD") from error
