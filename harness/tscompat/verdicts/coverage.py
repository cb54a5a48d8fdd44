"""Finds the ids that the entries cover, and reads and writes ``covered.json``, which records how many they are.

May import values, resources. ``tscompat bless --divergences`` writes the file, so that the difference between two
commits shows which entry covers more or fewer ids.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole
from tscompat.values.verdict import Kind

from .divergence import Divergence, Lookup
from .entries import DIFFERENT, DivergencesError, Name

BLESS = "tscompat bless --divergences"


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """How many ids one table ``expect`` covers."""

    kind: Annotated[Kind, Meta(extra_json_schema={"enum": DIFFERENT})]
    routes: Annotated[dict[str, Annotated[int, Meta(ge=1)]], Meta(description="The number of ids by route.")]


Covered = Mapping[Name, Sequence[Row]]
"""The rows of each entry, in the order of its tables ``expect``."""


class Change(NamedTuple):
    """A number of ids that differs between two ``Covered``."""

    name: str
    position: int
    """The index of the table ``expect`` in the entry."""
    kind: Kind
    route: str
    old: int
    new: int


class Survey:
    """Which ids of the catalogue the divergences cover."""

    def __init__(self, divergences: Sequence[Divergence], ids: Iterable[str]) -> None:
        """Iterates over ``ids`` once. Entries of all versions are matched with all ids."""
        lookup = Lookup(divergences)
        self._used: dict[Divergence, set[str]] = {each: set() for each in divergences}
        self._covered: dict[Divergence, defaultdict[str, list[str]]] = {each: defaultdict(list) for each in divergences}
        self._shared: defaultdict[tuple[Divergence, Divergence], list[str]] = defaultdict(list)
        for verdict_id in ids:
            covering: list[Divergence] = []
            for each, hits in lookup.candidates(verdict_id):
                taken = hits.intersection(each.expected.unless)
                self._used[each] |= taken or hits.intersection(each.expected.ids)
                if not taken:
                    self._covered[each][verdict_id.partition("/")[0]].append(verdict_id)
                    covering.append(each)
            for pair in combinations(covering, 2):
                self._shared[pair].append(verdict_id)

    def faults(self) -> Iterator[str]:
        """A sentence for each pattern without effect, and for each two divergences that wrongly cover the same id."""
        for each, used in self._used.items():
            for pattern in each.expected.ids:
                if pattern not in used:
                    yield f"divergence '{each.name}': the pattern '{pattern}' covers no verdict id"
            for pattern in each.expected.unless:
                if pattern not in used:
                    yield f"divergence '{each.name}': unless '{pattern}' excludes no id"
        for (one, other), ids in self._shared.items():
            if one.excludes(other):
                yield f"divergences '{one.name}' and '{other.name}' both cover {_first(ids)}"

    def covered(self) -> Covered:
        """The rows that covered.json must have."""
        rows: dict[str, list[Row]] = {}
        for each, routes in self._covered.items():
            counts = {route: len(ids) for route, ids in sorted(routes.items())}
            rows.setdefault(each.name, []).append(Row(each.kind, counts))
        return dict(sorted(rows.items()))

    def ids(self, name: str) -> list[str]:
        """The ids that the entry of this name covers."""
        tables = (routes for each, routes in self._covered.items() if each.name == name)
        return [verdict_id for routes in tables for ids in routes.values() for verdict_id in ids]

    def examples(self, change: Change, most: int) -> list[str]:
        """At most ``most`` of the ids that the change's new number counts."""
        table = change[:3]
        return [
            verdict_id
            for each, routes in self._covered.items()
            if (each.name, each.position, each.kind) == table
            for verdict_id in routes.get(change.route, [])[:most]
        ]


def read_covered(folder: Path) -> Covered:
    """Read the folder's covered.json.

    Raises DivergencesError if the file does not fit its schema, OSError if it cannot be read.
    """
    document = read_document(folder / "covered.json", DivergencesError, folder.with_name("covered.schema.json"))
    return msgspec.convert(document, Covered)


def write_covered(folder: Path, covered: Covered) -> None:
    """Write covered.json, a line for each row."""
    entries = (
        f"{json.dumps(name)}: [\n    " + ",\n    ".join(json.dumps(msgspec.to_builtins(row)) for row in rows) + "\n  ]"
        for name, rows in covered.items()
    )
    write_whole(folder / "covered.json", (b"{\n  ", ",\n  ".join(entries).encode(), b"\n}\n"))


def changes(old: Covered, new: Covered) -> list[Change]:
    """The numbers that differ, sorted. A number that only ``old`` or only ``new`` has is 0 in the other."""
    before, after = _numbers(old), _numbers(new)
    return [
        Change(*key, before.get(key, 0), after.get(key, 0))
        for key in sorted(before.keys() | after)
        if before.get(key) != after.get(key)
    ]


def _numbers(covered: Covered) -> dict[tuple[str, int, Kind, str], int]:
    return {
        (name, position, row.kind, route): number
        for name, rows in covered.items()
        for position, row in enumerate(rows)
        for route, number in row.routes.items()
    }


def _first(ids: Sequence[str], shown: int = 3) -> str:
    """The number of ids and the first few: ``14: dat/…, dat/…, dat/…, …``."""
    return f"{len(ids)}: {', '.join(ids[:shown])}" + (", …" if len(ids) > shown else "")
