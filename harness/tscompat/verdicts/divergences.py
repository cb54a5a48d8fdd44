"""What is expected to differ (``cases/divergences/``), and when that expectation is stale.

May import values, resources. Strict both ways: an unexpected verdict fails, and so does an expected divergence that did
not happen as it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tscompat.values.verdict import Kind, Verdict

from .coverage import BLESS, Covered, Survey, changes, read_covered
from .divergence import Divergence, Judgement, Lookup, Outcome
from .entries import DivergencesError, read_entries

__all__ = ["Divergence", "Divergences", "DivergencesError", "Judgement", "Outcome"]


class Divergences:
    """The divergences of the folder. Those apply that hold for a version of what runs."""

    def __init__(self, known: Sequence[Divergence], running: Collection[str], covered: Covered) -> None:
        """``running`` is what takes part, each with its version; ``covered`` is what covered.json holds."""
        self._known = known
        self._covered = covered
        applying = [each for each in known if not each.entry.versions.isdisjoint(running)]
        applying.sort(key=lambda each: not each.of_a_script)  # a script's are more exact, and so go first
        self._lookup = Lookup(applying)

    @classmethod
    def load(cls, folder: Path, running: Collection[str]) -> Divergences:
        """Read the folder's files. Their JSON Schemas lie beside the folder.

        Raises DivergencesError when a file is not of the form that its schema describes, OSError when one cannot be
        read.
        """
        return cls(Divergence.of(read_entries(folder)), running, read_covered(folder))

    def expected(self, verdict_id: str) -> list[Divergence]:
        """The divergences that cover this id; none if it is expected to pass."""
        return self._lookup.covering(verdict_id)

    def judge(self, verdict_id: str, verdict: Verdict) -> Judgement:
        """Decide what a verdict means for the run.

        Where a script's divergence and another one cover an id, one fault can mask the other: either is accepted.
        """
        if verdict.kind is Kind.NOT_RUN:
            return Judgement(Outcome.NOT_RUN)
        judgements = [each.judge(verdict) for each in self.expected(verdict_id)]
        if judgements:
            return min(judgements, key=lambda each: each.outcome is Outcome.FAILED)
        if verdict.kind is Kind.PASS:
            return Judgement(Outcome.PASSED)
        return Judgement(Outcome.FAILED, reason=f"unexpected: {verdict.kind}")

    def stale(self, ids: Iterable[str]) -> list[str]:
        """A sentence for each thing that no longer fits ``ids``, which are all verdict ids of the whole catalogue.

        A pattern that matches nothing, or one of ``unless`` that takes nothing away; an id that two divergences cover
        that exclude each other; a number in covered.json that is another. The catalogue is the same for all versions,
        so every entry is compared with it.
        """
        survey = Survey(self._known, ids)
        return [*survey.faults(), *_moved(self._covered, survey.covered())]


def _moved(old: Covered, new: Covered) -> Iterator[str]:
    for (name, _, kind), routes in groupby(changes(old, new), lambda change: change[:3]):
        numbers = ", ".join(f"{change.route} {change.old} → {change.new}" for change in routes)
        yield (
            f"divergence '{name}' ({kind}): covers other ids than covered.json has: {numbers}. "
            f"Look at the difference; if it is meant, run: {BLESS}"
        )
