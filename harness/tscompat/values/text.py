"""Text that JSON, HTML and a terminal can hold. Imports nothing of ours."""

from __future__ import annotations


def escaped(words: str) -> str:
    """The words with lone surrogates escaped: names in files, messages of .NET and paths can have some."""
    return words.encode(errors="backslashreplace").decode()


def shown(words: str, most: int = 80) -> str:
    """What a file holds, for a terminal: unprintable characters are escaped, and more than ``most`` characters cut."""
    text = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in words[: most + 1]
    )
    return text if len(text) <= most else text[: most - 1] + "…"
