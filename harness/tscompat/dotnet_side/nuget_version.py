"""How NuGet writes a version. Imports nothing of ours."""

from __future__ import annotations


def normal(version: str) -> str:
    """A version as NuGet names a package: three numbers, four if the last is not 0, in lower case, without what
    follows a ``+``: 0.107 is 0.107.0, and 0.108.0-dev+sha.1 is 0.108.0-dev. Anything else stays as it is.
    """
    numbers, dash, label = version.partition("+")[0].lower().partition("-")
    parts = numbers.split(".")
    if not all(part.isdecimal() for part in parts):
        return version
    four = [*(str(int(part)) for part in parts), "0", "0", "0"][: max(4, len(parts))]
    return ".".join(four[:3] if four[3:] == ["0"] else four) + dash + label
