"""The order of versions, of NuGet's packages and of Python's. Imports nothing of ours.

``packaging`` knows only Python's: for it ``0.108.0-ci.7`` is no version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def order(version: str) -> tuple[list[int], bool, list[tuple[bool, int, str]]]:
    """A sort key: by numbers; a pre-release (``0.108.0-dev``, ``2.14.0a0``) before its release; what follows ``+``
    is left out, since it makes no other version. A package's name may stand before the version."""
    bare = version.split()[-1].partition("+")[0]
    found = re.match(r"\d+(\.\d+)*", bare)
    release, rest = (found[0], bare[found.end() :]) if found else ("0", bare)
    parts = re.findall(r"\d+|[A-Za-z]+", rest)
    return (
        [int(part) for part in release.split(".")],
        not parts,
        [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts],
    )


def nearest(version: str, named: Iterable[str]) -> str:
    """Of the versions in ``named`` the newest before this one; if none is before it, the oldest."""
    ordered = sorted(named, key=order)
    return max((each for each in ordered if order(each) < order(version)), key=order, default=ordered[0])
