"""What is expected to differ (``cases/divergences/``), and when that expectation is stale.

Imports documents and verdict.

Strict both ways: an unexpected verdict fails, and so does an expected divergence that did not happen as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from itertools import combinations
from pathlib import Path
from typing import Any

from tscompat.resources.documents import read_document
from tscompat.values.verdict import Kind, Verdict


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

    @property
    def of_a_script(self) -> bool:
        """Whether the fault is a script's of upstream's."""
        return any("sha256:" in version for version in self.versions)

    def excludes(self, other: Divergence) -> bool:
        """Whether the two cannot both speak of one id: unless one is of a script, or they are of different versions."""
        if self.of_a_script != other.of_a_script:
            return False
        ours, theirs = ({version.split()[0] for version in entry.versions} for entry in (self, other))
        return ours.isdisjoint(theirs) or not self.versions.isdisjoint(other.versions)

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

    def __init__(self, entries: Iterable[Divergence], running: Iterable[str]) -> None:
        """``running`` is what takes part, each with its version."""
        self._entries = tuple(entries)
        applying = [entry for entry in self._entries if not entry.versions.isdisjoint(running)]
        applying.sort(key=lambda entry: not entry.of_a_script)  # which name their exceptions, and so go first
        self._applying = [(_matcher(entry.ids, entry.unless), entry) for entry in applying]

    @classmethod
    def load(cls, folder: Path, running: Iterable[str]) -> Divergences:
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

        Of a script's entry and another about one id, one fault hides the other: the verdict must be as either says.
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
        ids than it says; an id that two entries speak of that exclude each other. The catalogue is the same for all
        versions, so every entry is held to it.
        """
        sentences: list[str] = []
        matched: list[tuple[Divergence, set[str]]] = []
        for entry in self._entries:
            found = {pattern: set(filter(_matcher([pattern]).match, ids)) for pattern in entry.ids}
            named = set[str]().union(*found.values())
            taken = {pattern: set(filter(_matcher([pattern]).match, named)) for pattern in entry.unless}
            covered = named.difference(*taken.values())
            matched.append((entry, covered))
            sentences += [
                f"divergence '{entry.name}': the pattern '{pattern}' matches no verdict id"
                for pattern, hits in found.items()
                if hits.isdisjoint(covered)
            ]
            sentences += [
                f"divergence '{entry.name}': unless '{pattern}' takes nothing away"
                for pattern, hits in taken.items()
                if not hits
            ]
            if len(covered) != entry.covers:
                sentences.append(
                    f"divergence '{entry.name}' ({entry.kind}): covers = {entry.covers}, matches {_count(covered)}"
                )
        for (one, left), (other, right) in combinations(matched, 2):
            both = left & right
            if both and one.excludes(other):
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
