"""What is expected to differ (``cases/divergences/``), and when that expectation is stale.

Imports documents and verdict.

Strict both ways: an unexpected verdict fails, and so does an expected divergence that did not happen as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from itertools import combinations
from pathlib import Path
from typing import Any

from .documents import read_document
from .verdict import Kind, Verdict


class Outcome(StrEnum):
    """What a verdict means for the run. The words are published (results.json)."""

    PASSED = "passed"
    DIVERGENCE = "divergence"
    """It differs exactly as an entry says."""
    FAILED = "failed"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict held against what is expected of it."""

    outcome: Outcome
    divergence: str | None = None
    """The name of the entry that speaks of this id."""
    reason: str = ""
    """Why it failed, or the cause of the divergence. Empty for the others: a not-run verdict's detail says why."""


class DivergencesError(ValueError):
    """A file cannot be used: says for each fault the file, the entry, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Verdicts that differ in one way for one cause. An entry of the file is one of these for each kind."""

    name: str
    ids: tuple[str, ...]
    """fnmatch patterns over verdict ids; ``*`` matches ``/`` too."""
    kind: Kind
    covers: int
    """How many ids of the whole catalogue match one of ``ids`` and none of ``unless``."""
    cause: str
    """What goes wrong, in words. The first sentence stands in the table."""
    upstream: str
    """The file upstream and what happens there."""
    reproduction: str
    """One line that shows it."""
    versions: frozenset[str]
    """Whose fault it is, in which versions: ``TorchSharp 0.107.0``, ``exportsd sha256:…``."""
    message: str | None = None
    """A regular expression, searched in the verdict's detail: the stable part of the message."""
    unless: tuple[str, ...] = ()
    """Patterns like ``ids``: what one of them matches is not meant."""

    @classmethod
    def of(cls, name: str, table: dict[str, Any]) -> Iterator[Divergence]:
        """What the entry's table in the file says, which the schema has found good."""
        entry: dict[str, Any] = {**table, "versions": frozenset(table["versions"])}
        for expected in entry.pop("expect"):
            typed: dict[str, Any] = {
                "ids": tuple(expected["ids"]),
                "unless": tuple(expected.get("unless", ())),
                "kind": Kind(expected["kind"]),
            }
            yield cls(name, **{**entry, **expected, **typed})

    def judge(self, verdict: Verdict) -> Judgement:
        """Judge a verdict whose id this entry matches."""
        if verdict.kind is Kind.PASS:
            wrong = f"expected divergence '{self.name}' did not happen: passed"
        elif verdict.kind is not self.kind:
            wrong = f"kind changed: '{self.name}' expects {self.kind}, got {verdict.kind}"
        elif self.message is not None and not re.search(self.message, verdict.detail):
            wrong = f"message no longer matches /{self.message}/ of '{self.name}'"
        else:
            return Judgement(Outcome.DIVERGENCE, self.name, self.cause)
        return Judgement(Outcome.FAILED, self.name, wrong)


class Divergences:
    """The entries of the folder. Those apply that hold for a version of what runs."""

    def __init__(self, entries: Iterable[Divergence], running: Sequence[str]) -> None:
        """``running`` is what takes part, each with its version; the entries of the first go first."""
        self._entries = tuple(entries)
        self._applying = [
            (_matcher(entry.ids, entry.unless), entry)
            for version in running
            for entry in self._entries
            if version in entry.versions
        ]

    @classmethod
    def load(cls, folder: Path, running: Sequence[str]) -> Divergences:
        """Read the folder's files. Their JSON Schema lies beside the folder.

        Raises DivergencesError when a file is not what the schema says or names an entry of another file, OSError when
        one cannot be read.
        """
        tables: dict[str, dict[str, Any]] = {}
        for file in sorted(folder.glob("*.toml")):
            document: dict[str, Any] = read_document(file, DivergencesError, folder.with_suffix(".schema.json"))
            twice = sorted(tables.keys() & document)
            if twice:
                raise DivergencesError(f"{file}: {', '.join(twice)}: an entry of this name stands in another file too")
            tables |= document
        return cls((each for name, table in tables.items() for each in Divergence.of(name, table)), running)

    def expected(self, verdict_id: str) -> list[Divergence]:
        """The entries that speak of this id; none if it is expected to pass."""
        return [entry for matcher, entry in self._applying if matcher.match(verdict_id)]

    def judge(self, verdict_id: str, verdict: Verdict) -> Judgement:
        """Say what a verdict means for the run.

        Of two travellers' entries about one id, one fault hides the other: the verdict must be as either says.
        """
        if verdict.kind is Kind.NOT_RUN:
            return Judgement(Outcome.NOT_RUN)
        judgements = [entry.judge(verdict) for entry in self.expected(verdict_id)]
        if judgements:
            return min(judgements, key=lambda each: each.outcome is Outcome.FAILED)
        if verdict.kind is Kind.PASS:
            return Judgement(Outcome.PASSED)
        return Judgement(Outcome.FAILED, reason=f"unexpected: {verdict.kind}")

    def stale(self, ids: Collection[str]) -> list[str]:
        """Say, a sentence each, what no longer fits ``ids``, which are all verdict ids of the whole catalogue.

        A pattern that matches nothing, or one of ``unless`` that takes nothing away; an entry that covers more or fewer
        ids than it says; an id that two entries of one version speak of. The catalogue is the same for all versions, so
        every entry is held to it.
        """
        sentences: list[str] = []
        matched: list[tuple[Divergence, set[str]]] = []
        for entry in self._entries:
            found = {pattern: set(filter(_matcher([pattern], entry.unless).match, ids)) for pattern in entry.ids}
            covered = set[str]().union(*found.values())
            matched.append((entry, covered))
            sentences += [
                f"divergence '{entry.name}': the pattern '{pattern}' matches no verdict id"
                for pattern, hits in found.items()
                if not hits
            ]
            named = list(filter(_matcher(entry.ids).match, ids))
            sentences += [
                f"divergence '{entry.name}': unless '{pattern}' takes nothing away"
                for pattern in entry.unless
                if not any(map(_matcher([pattern]).match, named))
            ]
            if len(covered) != entry.covers:
                sentences.append(
                    f"divergence '{entry.name}' ({entry.kind}): covers = {entry.covers}, matches {_count(covered)}"
                )
        for (one, left), (other, right) in combinations(matched, 2):
            both = left & right
            if both and one.versions & other.versions:
                sentences.append(f"divergences '{one.name}' and '{other.name}' both match {_count(both)}")
        return sentences


def _matcher(ids: Iterable[str], unless: Iterable[str] = ()) -> re.Pattern[str]:
    """Matches what one of ``ids`` does and none of ``unless``."""
    none = "".join(f"(?!{translate(pattern)})" for pattern in unless)
    return re.compile(f"{none}(?:{'|'.join(map(translate, ids))})")


def _count(ids: set[str], shown: int = 3) -> str:
    """Their number and the first few: ``14: dat/…, dat/…, dat/…, …``."""
    first = sorted(ids)[:shown]
    return f"{len(ids)}" + (f": {', '.join(first)}" if first else "") + (", …" if len(ids) > shown else "")
