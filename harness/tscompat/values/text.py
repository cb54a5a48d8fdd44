"""Text that JSON, HTML and terminals can hold. Imports nothing of ours."""

from __future__ import annotations

_MOST = 80
"""Characters of a foreign text that a message shows."""


def escaped(words: str) -> str:
    """The words with lone surrogates escaped: names in files, messages of .NET and paths can have some."""
    return words.encode(errors="backslashreplace").decode()


def shown(words: object, most: int = _MOST) -> str:
    """The words, which a file states, as a message may show them: in one line, at most ``most`` characters.

    Characters that a terminal would obey or hide (controls, marks of direction, lone surrogates) are escaped as
    ``\\x1b`` or ``\\u202e``. Of a longer text the beginning and the end are kept.
    """
    text = str(words)
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[len(text) - most // 2 + 1 :]}"
    if text.isprintable():
        return text
    clean = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return clean if len(clean) <= most else f"{clean[: most // 2]}…{clean[len(clean) - most // 2 + 1 :]}"


def reason(error: BaseException) -> str:
    """The words of an error; of one of the system the path and the words, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{shown(error.filename, 1000)}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def quoted(words: object) -> str:
    """The words as ``shown``, in quotes."""
    return f"'{shown(words)}'"


_LONGEST_ESCAPE = len("\\U0010ffff")
_MOST_BYTES = 2000
"""Of a message, in UTF-8."""


def message(words: str) -> str:
    """The words as a message: lines stay, what else a terminal would obey is escaped; of a long one the ends stay."""
    clean = "\n".join(shown(line, _LONGEST_ESCAPE * len(line)) for line in words.split("\n"))
    raw = clean.encode()
    if len(raw) <= _MOST_BYTES:
        return clean
    half = _MOST_BYTES // 2 - 4
    return f"{raw[:half].decode(errors='ignore')} … {raw[-half:].decode(errors='ignore')}"
