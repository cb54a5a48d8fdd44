"""Which divergences a run has seen to go on in a version that no entry names. May import verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tscompat.verdicts.divergences import Outcome
from tscompat.verdicts.entries import Entry

from .environment import Environment
from .file import Results
from .record import Record


class Observed(NamedTuple):
    """What a run has seen of an entry that was assumed in one version."""

    name: str
    version: str
    """With its package, as entries name it."""
    verdicts: int
    """How many went on."""
    against: str
    """Why it is not shown that the entry goes on as a whole; empty if it is."""


def goes_on(results: Results, entries: Mapping[str, Entry], covered: Mapping[str, Collection[str]]) -> list[Observed]:
    """The entries that were assumed in a run, by name. ``covered`` has the ids that each must have been seen at.

    An id that cannot be run on that machine shows nothing, neither does one at which another known divergence is met.
    """
    named = {version for entry in entries.values() for version in entry.versions}
    found: dict[tuple[str, str], Observed] = {}
    for key, environment in results.environments.items():
        records = {record.id: record for record in results.verdicts if record.environment == key}
        assumed: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records.values():
            if record.assumed and record.divergence and record.divergence in entries:
                assumed[record.divergence].append(record)
        for name, seen in assumed.items():
            against = _against(seen, covered[name], records)
            on = sum(record.outcome is Outcome.DIVERGENCE for record in seen)
            for version in _new(environment, entries[name], named):
                before = found.get((name, version))
                if before is None or not before.against:
                    found[name, version] = Observed(name, version, on, against)
    return [found[each] for each in sorted(found)]


def _new(environment: Environment, entry: Entry, named: Collection[str]) -> list[str]:
    """The versions in this environment that no entry names, of the packages that this one names."""
    packages = {version.split()[0] for version in entry.versions}
    return [each for each in environment.running if each.split()[0] in packages and each not in named]


def _against(seen: Sequence[Record], covered: Collection[str], records: Mapping[str, Record]) -> str:
    """Why the records of an entry do not show that it goes on; empty if they do."""
    for outcome, words in ((Outcome.FAILED, "are otherwise than it predicts"), (Outcome.PASSED, "passed")):
        ids = [record.id for record in seen if record.outcome is outcome]
        if ids:
            return f"{len(ids)} of its {len(seen)} verdicts {words}, the first {ids[0]}"
    missing = [each for each in covered if each not in records]
    if missing:
        words = "run all that it covers, without -k, --route and --device"
        return f"{len(missing)} of its {len(covered)} ids have no verdict in this run, the first {missing[0]}: {words}"
    return ""
