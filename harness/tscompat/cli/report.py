"""``tscompat report``: results as a page, in Markdown, as JUnit's XML, as a badge.

May import resources, verdicts, results, report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from tscompat.report.data import Changed, changed
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.results.comparison import Baseline, compare, is_baseline, load
from tscompat.results.end import Against
from tscompat.results.file import Results, ResultsError, load_results
from tscompat.results.merge import merge, placed, read_piece, shown_path
from tscompat.verdicts.entries import DivergencesError, read_entries


def report_(
    results: Annotated[
        list[Path], typer.Argument(dir_okay=False, help="A results.json; several are of other versions or devices.")
    ],
    since: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="An earlier run's results.json, or a baseline (.xz): what changed since."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="The page. [default: report.html beside the results.json]"),
    ] = None,
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
    from tscompat.report.data import data_of
    from tscompat.report.junit import junit as junit_of
    from tscompat.report.page import page
    from tscompat.report.summary import summary

    out = out or results[0].with_name("report.html")
    try:
        _refuse_the_same([*results, *filter(None, [since])], [*filter(None, [out, markdown, junit, badge])])
        whole = _whole(results, out.parent)
        entries = read_entries(data_folder("cases") / "divergences")
        against, changes = _since(since, whole) if since else (None, [])
        wanted: list[tuple[Path | None, Callable[[], bytes]]] = [
            (out, lambda: page(whole, data_of(whole, out.parent, entries, changes), against).encode()),
            (markdown, lambda: summary(whole, against).encode()),
            (junit, lambda: junit_of(whole)),
            (badge, lambda: badge_of(whole)),
        ]
        for file, make in wanted:
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, (make(),))
                typer.echo(shown_path(file))
    except (ResultsError, DivergencesError, OSError) as error:
        typer.echo(f"could not run: {error}", err=True)
        raise typer.Exit(2) from error


def _refuse_the_same(read: Sequence[Path], written: Sequence[Path]) -> None:
    """Raises ResultsError where a file that is to be written is one that is read, or is named twice."""
    seen = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in seen:
            raise ResultsError(f"{path} is named twice: no file may be written over another one of this command")
        seen.add(path.resolve())


def _whole(files: Sequence[Path], beside: Path) -> Results:
    """The results of all files, for a page in the folder ``beside``. Raises ResultsError and OSError."""
    pieces = [read_piece(file, beside) for file in files]
    if len(pieces) == 1:
        return placed(pieces[0])
    for name, _, results in pieces:
        if results.part:
            raise ResultsError(f"{name}: found a shard; expected a whole run: tscompat merge makes one of all shards")
    try:
        return merge(pieces)
    except ResultsError as error:
        raise ResultsError(f"{error}; to see what changed between two runs: tscompat report NEW --since OLD") from error


def _since(path: Path, new: Results) -> tuple[Against, list[Changed]]:
    """An earlier run, and what changed since. Raises ResultsError and OSError."""
    if len(new.environments) > 1:
        raise ResultsError("found several environments; expected one: --since compares one run with one")
    earlier = None if is_baseline(path) else load_results(path)
    before = Baseline.of(earlier, path) if earlier else load(path)
    return Against(shown_path(path), before), changed(compare(before, Baseline.of(new, "")), earlier, new)
