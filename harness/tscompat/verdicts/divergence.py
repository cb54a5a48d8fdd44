"""A known divergence, which judges verdicts, and a look-up of the divergences for an id. May import values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tscompat.values.verdict import Kind, Verdict

from .entries import Entry, Expected
from .patterns import Patterns


class Outcome(StrEnum):
    """What a verdict means for the run. The words are published (results.json)."""

    PASSED = "passed"
    DIVERGENCE = "divergence"
    """The verdict is exactly as an entry expects."""
    FAILED = "failed"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verdict means for the run, and why."""

    outcome: Outcome
    divergence: str | None = None
    """The name of the entry that covers this id."""
    reason: str = ""
    """Why the verdict fails the run, or the cause of the divergence. Empty for ``passed`` and ``not-run``."""
    assumed: str = ""
    """The version that the entry names, with its package, where what runs has another, which no entry names: there it
    is assumed to go on. Empty where it names a version that runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Divergence:
    """One table ``expect`` of an entry: the ids that it covers, and the verdict that it expects of them."""

    name: str
    position: int
    """The index of the table in the entry."""
    entry: Entry
    expected: Expected
    assumed: str = ""
    """As ``Judgement.assumed``."""

    @classmethod
    def of(cls, entries: Mapping[str, Entry]) -> tuple[Divergence, ...]:
        """A divergence for each table ``expect`` of the entries, in order."""
        return tuple(
            cls(name, position, entry, expected)
            for name, entry in entries.items()
            for position, expected in enumerate(entry.expect)
        )

    @property
    def kind(self) -> Kind:
        return self.expected.kind

    @property
    def cause(self) -> str:
        return self.entry.cause

    @property
    def of_a_script(self) -> bool:
        """Whether the fault is in one of upstream's scripts."""
        return any("sha256:" in version for version in self.entry.versions)

    def excludes(self, other: Divergence) -> bool:
        """Whether no id may be covered by both.

        An id may be covered by both if exactly one is of a script, if they name a common package but no common
        version, or if they are tables of undefined behaviour of one entry.
        """
        if self.name == other.name and self.expected.undefined and other.expected.undefined:
            return False
        if self.of_a_script != other.of_a_script:
            return False
        ours, theirs = ({version.split()[0] for version in each.entry.versions} for each in (self, other))
        return ours.isdisjoint(theirs) or not self.entry.versions.isdisjoint(other.entry.versions)

    def judge(self, verdict: Verdict) -> Judgement:
        """Judge the verdict of an id that this table covers: as expected, or a failure with the reason.

        A pass is a failure only where the entry is not assumed, because a new version may have lost the fault, and the
        table not of undefined behaviour.
        """
        expected = self.expected
        if verdict.kind is Kind.PASS and expected.undefined:
            return Judgement(Outcome.PASSED)  # not that the fault is gone
        if verdict.kind is Kind.PASS and self.assumed:
            return Judgement(Outcome.PASSED, self.name, assumed=self.assumed)
        if verdict.kind is Kind.PASS:
            wrong = f"expected divergence '{self.name}' did not happen: passed"
        elif verdict.kind is not expected.kind:
            wrong = f"kind changed: '{self.name}' expects {expected.kind}, got {verdict.kind}"
        elif not re.match(expected.message, verdict.detail):
            wrong = f"message no longer matches /{expected.message}/ of '{self.name}'"
        elif verdict.as_predicted is None and expected.predicts:
            wrong = f"'{self.name}' predicts {', '.join(expected.predicts)}, and nothing was found that can be compared"
        elif verdict.as_predicted and not verdict.as_predicted(expected.predicts):
            wrong = f"'{self.name}' predicts {', '.join(expected.predicts) or 'nothing'}, and what was found differs"
        else:
            return Judgement(Outcome.DIVERGENCE, self.name, self.cause, self.assumed)
        return Judgement(Outcome.FAILED, self.name, wrong, self.assumed)


class Lookup:
    """Finds the divergences whose patterns match an id."""

    def __init__(self, divergences: Sequence[Divergence]) -> None:
        self._divergences = divergences
        self._by_pattern: defaultdict[str, list[int]] = defaultdict(list)
        """The places in ``divergences``."""
        for place, each in enumerate(divergences):
            for pattern in each.expected.ids:
                self._by_pattern[pattern].append(place)
        unless = {pattern for each in divergences for pattern in each.expected.unless}
        self._patterns = Patterns(unless | self._by_pattern.keys())

    def candidates(self, verdict_id: str) -> Iterator[tuple[Divergence, set[str]]]:
        """The divergences that have a matching pattern in ``ids``, in order.

        Each comes with the set of all patterns that match, its own and those of others, from ``ids`` and ``unless``.
        """
        hits = self._patterns.matching(verdict_id)
        found = {place for pattern in hits & self._by_pattern.keys() for place in self._by_pattern[pattern]}
        return ((self._divergences[place], hits) for place in sorted(found))

    def covering(self, verdict_id: str) -> list[Divergence]:
        """The divergences that cover this id: one of their ``ids`` matches it, and none of their ``unless``."""
        return [each for each, hits in self.candidates(verdict_id) if hits.isdisjoint(each.expected.unless)]
