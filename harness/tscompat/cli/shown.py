"""What a verb prints of a long list. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def shown(lines: Sequence[str], most: int) -> Iterator[str]:
    """The first lines, and how many more there are."""
    yield from lines[:most]
    if len(lines) > most:
        yield f"… and {len(lines) - most} more"
