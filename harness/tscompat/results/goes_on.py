"""Which divergences a run has seen to go on in a version that no entry names. May import verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from tscompat.verdicts.divergences import Outcome
from tscompat.verdicts.entries import Entry

from .file import Results


class GoesOn(NamedTuple):
    """An entry of which every verdict was as it predicts, and the versions that it can name from now on."""

    name: str
    versions: tuple[str, ...]
    verdicts: int


def goes_on(results: Results, entries: Mapping[str, Entry]) -> list[GoesOn]:
    """The entries that were assumed in a run, without those of which a verdict passed or failed, by name."""
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    for record in results.verdicts:
        if record.assumed and record.divergence:
            outcomes[record.divergence].append(record.outcome)
    named = {version for entry in entries.values() for version in entry.versions}
    new = sorted({version for each in results.environments.values() for version in each.running} - named)
    found: list[GoesOn] = []
    for name, seen in sorted(outcomes.items()):
        if name in entries and set(seen) == {Outcome.DIVERGENCE}:
            packages = {version.split()[0] for version in entries[name].versions}
            versions = tuple(version for version in new if version.split()[0] in packages)
            if versions:
                found.append(GoesOn(name, versions, len(seen)))
    return found
