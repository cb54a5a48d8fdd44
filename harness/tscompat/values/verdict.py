"""The kinds of verdict, and what a verdict holds. Imports nothing of ours.

A verdict's id is ``route/direction/device/case/check``; only ``VerdictId`` builds and splits it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What happened. The words are published (results.json, cases/divergences/), so their meaning never changes."""

    PASS = "pass"
    BITS = "bits"
    """Values differ."""
    BYTES = "bytes"
    """A file has other bytes than expected, or cannot be read."""
    DTYPE = "dtype"
    SHAPE = "shape"
    NAMES = "names"
    """Entries are missing, unexpected or repeated; what was asked of the others is as expected."""
    ORDER = "order"
    """The same entries in another order."""
    REFUSED = "refused"
    """A clear error where success was expected, or an error of another kind."""
    ACCEPTED = "accepted"
    """Success where a refusal was expected."""
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NOT_RUN = "not-run"
    """The check did not run; the detail gives the reason."""


class VerdictId(NamedTuple):
    """The five parts of a verdict's id. Only ``case`` may contain slashes."""

    route: str
    direction: str
    device: str
    case: str
    check: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> VerdictId:
        """Split an id. Raises ValueError if the id has fewer than five parts."""
        parts = text.split("/")
        if len(parts) < 5:
            raise ValueError(f"{text!r} is not a verdict id: expected route/direction/device/case/check")
        return cls(parts[0], parts[1], parts[2], "/".join(parts[3:-1]), parts[-1])


class FirstDifference(NamedTuple):
    """The first thing that differs, as data; the verdict's detail states the same in a sentence."""

    entry: str | None
    """The name of the tensor or of the option; None where a whole file or a list of names differs."""
    field: str
    """What differs: ``names``, ``order``, ``dtype``, ``shape``, ``element``, ``byte`` and the like."""
    offset: int | None
    """Bytes from the start of the elements or of the file; None unless ``field`` is ``element`` or ``byte``."""
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one check of one case on one route, in one direction, on one device."""

    kind: Kind
    detail: str = ""
    """A sentence for a person, without paths or times, because divergences match on it. Most passes have none."""
    difference: FirstDifference | None = None
    as_predicted: Callable[[Sequence[str]], bool] | None = field(default=None, compare=False, repr=False)
    """Whether these faults (routes/predictions.py), one after the other, make of what was expected exactly what was
    found. None where no values, names or bytes were compared: then ``detail`` states all that was found."""

    def comparing(self, as_predicted: Callable[[Sequence[str]], bool]) -> Verdict:
        """The same verdict with this ``as_predicted``; a pass stays as it is."""
        return self if self.kind is Kind.PASS else replace(self, as_predicted=as_predicted)


PASS = Verdict(Kind.PASS)
