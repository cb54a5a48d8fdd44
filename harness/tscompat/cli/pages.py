"""The options ``--json``, ``--html`` and ``--markdown`` of the verbs that look at models.

May import values, resources, files, report.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from tscompat.files.item import ModelFileError
from tscompat.files.output import is_input
from tscompat.report.verb import Page
from tscompat.resources.whole import write_whole
from tscompat.values.text import escaped

Json = Annotated[bool, typer.Option("--json", help="All of it as JSON, which has a JSON Schema.")]
Html = Annotated[
    Path | None, typer.Option("--html", dir_okay=False, metavar="FILE", help="Also write it as a page: one HTML file.")
]
Markdown = Annotated[
    Path | None,
    typer.Option(
        "--markdown", dir_okay=False, metavar="FILE", help="Also write it as Markdown, for a job's summary on GitHub."
    ),
]


def print_json(found: Struct) -> None:
    """Print a document."""
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1))


def refuse(written: Path | None, inputs: Sequence[Path | None]) -> None:
    """Raise ModelFileError where a page would replace what is no regular file, or is read."""
    if written is None or not written.exists():
        return
    if not written.is_file():
        raise ModelFileError(f"{written}: this is no regular file, which is never replaced: give the name of a file")
    if any(each is not None and each.exists() and is_input(written, each) for each in inputs):
        raise ModelFileError(f"{written}: this file is read: give another name for the page")


def write(page: Page, *, html: Path | None, markdown: Path | None = None) -> None:
    """Write the page in the forms that were asked for, and print the files' names. Exits with 2 where that fails."""
    for file, text in ((html, page.html), (markdown, page.markdown)):
        if file is not None:
            try:
                write_whole(file, (escaped(text()).encode(),))
            except OSError as error:
                typer.echo(f"could not write {file}: {error.strerror or error}", err=True)
                raise typer.Exit(2) from error
            typer.echo(f"written: {file}", err=True)
