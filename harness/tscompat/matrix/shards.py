"""Splits a run into shards, for several machines. May import values, catalogue, results.

Which cases a shard has is a function of the commit and of the number of shards alone, whatever else a run selects. Each
shard states of which whole it is a part, so that ``tscompat merge`` knows whether the whole is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from tscompat.catalogue import Case
from tscompat.results.file import Part
from tscompat.values.verdict import VerdictId

from .cost import seconds_of

_RUNS = ("default", "full", "large")
"""The values of ``Case.run`` in the order in which cases are dealt out: each run is balanced."""


class Shard(NamedTuple):
    """One of several parts of a run."""

    number: int
    """From 1."""
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """``2/5``. Raises ValueError for anything else."""
        found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
        shard = cls(int(found[1]), int(found[2])) if found else cls(1, 0)
        if shard.number > shard.of:
            raise ValueError(f"found {text!r}; expected a shard and how many there are, like 2/5")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def cases(self, cases: Mapping[str, Case]) -> frozenset[str]:
        """The ids of its cases: the longest first, each goes to the shard that has the least to do."""
        ordered = sorted(cases.values(), key=lambda case: (_RUNS.index(case.run), -seconds_of(case.id), case.id))
        loads = dict.fromkeys(range(1, self.of + 1), 0.0)
        mine: set[str] = set()
        for case in ordered:
            least = min(loads, key=lambda number: loads[number])
            loads[least] += seconds_of(case.id)
            if least == self.number:
                mine.add(case.id)
        return frozenset(mine)

    def part(self, whole: Iterable[VerdictId]) -> Part:
        """What its results.json states. ``whole`` has the ids of the run without ``--shard``."""
        return Part.of(str(self), map(str, whole))
