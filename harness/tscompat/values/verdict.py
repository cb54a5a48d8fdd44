"""The few kinds of verdict, and the record of one. Imports nothing of ours.

A verdict's id is ``route/direction/device/case/check``; ``VerdictId`` is the one place that builds and splits it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What happened. The words are published (results.json, cases/divergences/): they never change their meaning."""

    PASS = "pass"
    BITS = "bits"
    """Values differ."""
    BYTES = "bytes"
    """Same values, other bytes in the file."""
    DTYPE = "dtype"
    SHAPE = "shape"
    NAMES = "names"
    """Entries are missing or unexpected."""
    ORDER = "order"
    """The same entries in another order."""
    REFUSED = "refused"
    """A clear error where success was due."""
    ACCEPTED = "accepted"
    """Success where a refusal was due."""
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NOT_RUN = "not-run"
    """Nothing was found out; the detail says why."""


class VerdictId(NamedTuple):
    """The five parts of a verdict's id. ``case`` holds slashes itself, the others do not."""

    route: str
    direction: str
    device: str
    case: str
    check: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> VerdictId:
        """Split an id. Raises ValueError when it has fewer than five parts."""
        parts = text.split("/")
        if len(parts) < 5:
            raise ValueError(f"{text!r} is not a verdict id: expected route/direction/device/case/check")
        return cls(parts[0], parts[1], parts[2], "/".join(parts[3:-1]), parts[-1])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about one check of one case on one route."""

    kind: Kind
    detail: str = ""
    """Empty for a pass; otherwise words that a person can use, without paths or times (divergences match on them)."""
    predicted: frozenset[str] = frozenset()
    """The names of the predictions that what was found matches exactly."""
