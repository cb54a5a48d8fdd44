"""Writes docs/proof.md, whose sections are made by sessions of nox: each replaces its own between two markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PROOF = Path(__file__).parents[1] / "docs" / "proof.md"
_HEAD = (
    "# What a green run is worth\n\nEach section was written by a session of nox, which states when and with what.\n"
)


def write_section(title: str, text: str, file: Path = PROOF) -> None:
    """Put ``text`` (Markdown, without its heading) in the place of the section of this title; at the end if it is new.

    Raises OSError.
    """
    begin, end = (f"<!-- {title}: {which} -->" for which in ("begin", "end"))
    section = f"{begin}\n## {title}\n\n{text.strip()}\n{end}"
    whole = file.read_text(encoding="utf-8") if file.exists() else _HEAD
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    there = pattern.search(whole)
    whole = pattern.sub(lambda _: section, whole) if there else f"{whole.rstrip()}\n\n{section}\n"
    file.write_text(whole, encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
