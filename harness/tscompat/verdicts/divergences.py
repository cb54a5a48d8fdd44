"""Reads ``cases/divergences/``, judges verdicts by it, and finds entries that are stale.

May import values, resources. A run fails for a verdict that is not declared there, except ``pass`` and ``not-run``,
and for a declared one that does not happen exactly as declared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from tscompat.values.verdict import Kind, Verdict

from .coverage import BLESS, Covered, Survey, changes, read_covered
from .divergence import Divergence, Judgement, Lookup, Outcome
from .entries import DivergencesError, read_entries
from .versions import nearest

__all__ = ["Divergence", "Divergences", "DivergencesError", "Judgement", "Outcome"]


class Divergences:
    """The divergences of the folder. An entry applies if one of its versions is running.

    Of a package that runs in a version which no entry names, those of the nearest version that is named are assumed to
    go on: the newest before it, or else the oldest.
    """

    def __init__(self, known: Sequence[Divergence], running: Collection[str], covered: Covered) -> None:
        """``running`` has what takes part in the run, with versions as entries write them (``TorchSharp 0.107.0``).

        ``covered`` is the contents of covered.json.
        """
        self._known = known
        self._covered = covered
        assumed = _assumed({version for each in known for version in each.entry.versions}, running)
        applying = [each for each in known if not each.entry.versions.isdisjoint(running)]
        applying += [
            replace(each, assumed=min(each.entry.versions & assumed))
            for each in known
            if each.entry.versions.isdisjoint(running) and not each.entry.versions.isdisjoint(assumed)
        ]
        applying.sort(key=lambda each: not each.of_a_script)  # those of a script are more exact, so they come first
        self._lookup = Lookup(applying)

    @classmethod
    def load(cls, folder: Path, running: Collection[str]) -> Divergences:
        """Read the folder's files. Their JSON Schemas lie beside the folder.

        Raises DivergencesError if a file does not fit its schema or two files have an entry of the same name, OSError
        if a file cannot be read.
        """
        return cls(Divergence.of(read_entries(folder)), running, read_covered(folder))

    def expected(self, verdict_id: str) -> list[Divergence]:
        """The divergences that apply and cover this id; none if its verdict must be ``pass``."""
        return self._lookup.covering(verdict_id)

    def judge(self, verdict_id: str, verdict: Verdict, *, scripts_only: bool = False) -> Judgement:
        """Decide what a verdict means for the run; with ``scripts_only``, by the faults of upstream's scripts alone.

        If several divergences cover the id, a verdict that one expects is accepted: one fault can mask another. A pass
        must be what all of them allow.
        """
        if verdict.kind is Kind.NOT_RUN:
            return Judgement(Outcome.NOT_RUN)
        expected = [each for each in self.expected(verdict_id) if each.of_a_script or not scripts_only]
        judgements = [each.judge(verdict) for each in expected]
        if judgements:
            passed = verdict.kind is Kind.PASS
            return min(judgements, key=lambda each: (each.outcome is Outcome.FAILED) is not passed)
        if verdict.kind is Kind.PASS:
            return Judgement(Outcome.PASSED)
        return Judgement(Outcome.FAILED, reason=f"unexpected: {verdict.kind}")

    def stale(self, ids: Iterable[str]) -> list[str]:
        """A sentence for each fault of the entries and of covered.json; ``ids`` are all verdict ids of the catalogue.

        Faults are a pattern without effect, two divergences that cover the same id although they exclude each other,
        and a number in covered.json that is not the number of ids now. The catalogue is the same for all versions, so
        the entries of all versions are checked.
        """
        survey = Survey(self._known, ids)
        return [*survey.faults(), *_moved(self._covered, survey.covered())]


def _assumed(named: Collection[str], running: Collection[str]) -> set[str]:
    """The versions whose divergences are assumed: the nearest of each package that runs in one that is not named.

    None of a script: its version is a hash, and nothing is known of another.
    """
    others = {each.split()[0]: each for each in running if each not in named and "sha256:" not in each}
    known = {name: [each for each in named if each.split()[0] == name] for name in others}
    return {nearest(others[name], versions) for name, versions in known.items() if versions}


def _moved(old: Covered, new: Covered) -> Iterator[str]:
    for (name, _, kind), routes in groupby(changes(old, new), lambda change: change[:3]):
        numbers = ", ".join(f"{change.route} {change.old} → {change.new}" for change in routes)
        yield (
            f"divergence '{name}' ({kind}): covers another number of ids than covered.json has: {numbers}. "
            f"If the change is intended, run: {BLESS}"
        )
