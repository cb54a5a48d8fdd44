"""Reads the cases of ``hostile/*.toml``: files that break a clause of their format. May import values."""

from __future__ import annotations

import re

from .case import Hostile
from .table import Table

_WORD = re.compile(r"#.*|(?:`([^`\n]*)`|((?:[0-9a-fA-F]{2})+))(?:\*([0-9]+))?(?!\S)|\S+")
"""A comment, or text or hexadecimal with how often it comes; anything else is wrong."""


def hostile(table: Table) -> Hostile:
    """The file of a case: the whole file with one edit."""
    row = table.row
    whole = from_hex(row["whole"])
    at = row.get("at", 0)
    file = whole[:at] + from_hex(row.get("put", "")) + whole[at + row.get("drop", 0) :]
    return Hostile(
        kind=table.family.partition("/")[2],
        whole=whole,
        file=file[: row.get("keep")],
        clause=row["clause"],
        offset=row.get("offset"),
        lenient=row.get("lenient", False),
    )


def from_hex(text: str) -> bytes:
    """Bytes that are written in hexadecimal: ``00*300`` is 300 zero bytes, ``#`` begins a comment, and what stands
    between backticks is text, in UTF-8.

    Raises ValueError for what is neither.
    """
    made = b""
    for word in _WORD.finditer(text):
        letters, byte, times = word.groups()
        if byte is not None:
            made += bytes.fromhex(byte) * int(times or 1)
        elif letters is not None:
            made += letters.encode() * int(times or 1)
        elif not word[0].startswith("#"):
            raise ValueError(f"found {word[0]!r}; expected pairs of hexadecimal digits, or text between backticks")
    return made
