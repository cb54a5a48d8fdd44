"""Text that JSON and HTML can hold. Imports nothing of ours."""

from __future__ import annotations


def escaped(words: str) -> str:
    """The words with lone surrogates escaped: names in files, messages of .NET and paths can have some."""
    return words.encode(errors="backslashreplace").decode()
