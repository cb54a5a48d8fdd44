"""Reads the cases of ``hostile/*.toml``: files that break a clause of the format. May import values."""

from __future__ import annotations

from .case import Hostile
from .table import Table


def hostile(table: Table) -> Hostile:
    """The file of a case: the whole file with one edit."""
    row = table.row
    whole = from_hex(row["whole"])
    at = row.get("at", 0)
    file = whole[:at] + from_hex(row.get("put", "")) + whole[at + row.get("drop", 0) :]
    kind = table.family.partition("/")[2]
    return Hostile(kind, whole, file[: row.get("keep", len(file))], row["clause"], row["offset"])


def from_hex(text: str) -> bytes:
    """Bytes that are written in hexadecimal: ``00*300`` is 300 zero bytes, and ``#`` begins a comment.

    Raises ValueError for what is not hexadecimal.
    """
    words = (word for line in text.splitlines() for word in line.partition("#")[0].split())
    return b"".join(bytes.fromhex(byte) * int(count or 1) for byte, _, count in (word.partition("*") for word in words))
