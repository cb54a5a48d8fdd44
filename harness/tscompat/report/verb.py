"""The page of ``inspect``, ``diff``, ``verify`` or ``parity``: one HTML file without a script; and Markdown.

May import results. The template and the style, which is that of the report's page, lie in ``page/``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .markdown import safe, table

_FENCE = "`" * 8
"""Around lines that may have any text in them."""
PARTS = Path(__file__).with_name("page")


class Table(NamedTuple):
    """A table with a title."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Collection[int] = ()
    """The columns that are aligned to the right."""
    marked: Collection[int] = ()
    """The rows to look at first."""


class Lines(NamedTuple):
    """Lines with a title: a list of sentences, or text to copy."""

    title: str
    lines: Sequence[str]
    code: bool = False


Block: TypeAlias = Table | Lines


class Page(NamedTuple):
    """What a verb has found, as a page and as the summary of a job. Blocks without rows or lines are left out."""

    title: str
    sentence: str
    good: bool
    facts: Sequence[str]
    blocks: Sequence[Block]

    def html(self) -> str:
        """One HTML file."""
        from tscompat.results.templates import filled  # imports jinja2, which takes as long as a small file

        return filled(
            "verb.html.jinja",
            PARTS,
            **self._asdict() | {"blocks": [*self._there()]},
            style=(PARTS / "page.css").read_text(encoding="utf-8"),
        )

    def markdown(self) -> str:
        """Markdown for the summary of a job."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"## {'✅' if self.good else '❌'} {safe(self.sentence)}"
        for fact in self.facts:
            yield from ("", safe(fact))
        for block in self._there():
            if isinstance(block, Table):
                yield from table(block.title, block.head, block.rows)
            else:
                yield from ("", f"### {block.title}", "", _FENCE, *block.lines, _FENCE)

    def _there(self) -> Iterator[Block]:
        return (block for block in self.blocks if (block.rows if isinstance(block, Table) else block.lines))
