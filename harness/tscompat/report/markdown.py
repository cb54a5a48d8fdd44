"""Markdown for the summary of a job on GitHub. Imports nothing of ours.

GitHub shows at most 1 MiB of a summary: lists end after a number of lines, and long words are cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

SHOWN = 50
"""Lines of a list."""
LONGEST = 400
"""Characters of a cell."""


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table with its title, of the first rows; nothing for no rows."""
    every = list(rows)
    if not every:
        return
    yield from ("", f"### {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}")
    yield from (f"| {' | '.join(safe(_cut(cell)) for cell in row)} |" for row in every[:SHOWN])
    if len(every) > SHOWN:
        yield from ("", f"… and {len(every) - SHOWN} more")


def _cut(cell: str) -> str:
    """One line of a cell."""
    line = " ".join(cell[: LONGEST + 1].split("\n"))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def safe(words: str) -> str:
    """Words of a file's names and of exceptions as they are, without a meaning in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&@:-])", r"\\\1", words)
