"""Text of others: what JSON and HTML can hold, and what a terminal can show. Imports nothing of ours."""

from __future__ import annotations

_MOST = 80


def escaped(words: str) -> str:
    """The words with lone surrogates escaped: names in files, messages of .NET and paths can have some."""
    return words.encode(errors="backslashreplace").decode()


def shown(words: str, most: int = _MOST) -> str:
    """The words as a message or a terminal may show them: at most so many characters, all of them printable."""
    cut = words if len(words) <= most else words[: most - 1] + "…"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)
