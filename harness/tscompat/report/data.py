"""The data of the page, made small: each distinct word once, the verdicts as columns of numbers. May import verdicts,
results.

The page's script (``page/data.js``) reads it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from tscompat.results.comparison import Change
from tscompat.results.end import DANGER, known_by_danger
from tscompat.results.file import Results
from tscompat.results.record import Difference, Record
from tscompat.results.table import shown_names
from tscompat.verdicts.entries import BEFORE, Entry, Language

from .difference import Annotated, annotated

T = TypeVar("T", bound=Hashable)
MOST_ANNOTATED = 500
"""Verdicts whose files are read: a page of thousands of failures would take minutes and megabytes."""
KEPT = ("expected.dat", "actual.dat")
"""The names of the two kept files whose bytes can be shown."""


class Distinct(Generic[T]):
    """Values by number, each once, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The number of a value."""
        return self._numbers.setdefault(value, len(self._numbers))

    @property
    def values(self) -> list[T]:
        """In the order of their numbers."""
        return list(self._numbers)


class Column(Struct, frozen=True):
    """A field of all verdicts."""

    values: list[str]
    numbers: list[int]
    """Of each verdict, a place in ``values``."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Column:
        distinct = Distinct[str]()
        numbers = [distinct.number(each) for each in words]
        return cls(distinct.values, numbers)


class Fault(Struct, frozen=True):
    """A known divergence."""

    name: str
    kind: str
    """The most dangerous kind among its verdicts."""
    number: int
    """How many verdicts show it."""
    cause: str
    upstream: str = ""
    issue: str = ""
    versions: list[str] = []
    pieces: list[tuple[Language, str]] = []
    """Of its reproduction, each with its language."""
    shows: str = ""


class Changed(Struct, frozen=True):
    """A verdict that is not as it was in the earlier run."""

    what: str
    id: str
    before: str
    """Its outcome and kind, and what was found, where the earlier run's file has it."""
    after: str


class Data(Struct, frozen=True):
    """What the page's script gets."""

    columns: dict[str, Column]
    """By the record's field. ``environment`` has names and not keys."""
    seconds: list[float]
    differences: list[Difference]
    difference: list[int]
    """Of each verdict, a place in ``differences``, or -1."""
    files: dict[int, list[str]]
    """Kept files, by the verdict's place."""
    again: dict[int, str]
    """The command that runs a verdict again, by its place, where the run has stated one."""
    annotated: dict[int, Annotated]
    faults: list[Fault]
    """The most dangerous first."""
    danger: list[str]
    """The kinds of verdicts, the most dangerous first."""
    commands: dict[str, str]
    """The command that starts a run like this one, by the environment's name."""
    changes: list[Changed]


FIELDS = ("outcome", "verdict", "route", "direction", "device", "case", "check", "dtype", "divergence", "detail")
"""The columns, beside the environment and the reason."""


def data_of(results: Results, folder: Path, entries: Mapping[str, Entry], changes: Sequence[Changed] = ()) -> Data:
    """The data of results, whose kept files are in ``folder``. ``entries`` are the known divergences, by name."""
    names = shown_names(results)
    records = results.verdicts
    differences = Distinct[Difference]()
    return Data(
        columns={
            **{field: Column.of(getattr(record, field) or "" for record in records) for field in FIELDS},
            "environment": Column.of(names[record.environment] for record in records),
            # A known divergence's reason is its cause, which the fault has.
            "reason": Column.of("" if record.outcome == "divergence" else record.reason for record in records),
        },
        seconds=[round(record.seconds, 3) for record in records],
        difference=[differences.number(each.difference) if each.difference else -1 for each in records],
        differences=differences.values,
        files={place: list(record.files) for place, record in enumerate(records) if record.files},
        again={place: record.rerun for place, record in enumerate(records) if record.rerun},
        annotated=dict(_annotated(records, folder)),
        faults=list(_faults(records, entries)),
        danger=[kind.value for kind in DANGER],
        commands={names[key]: each.again for key, each in results.environments.items()},
        changes=list(changes),
    )


def packed(data: Data) -> str:
    """The data as text without any character that HTML knows: base64 of gzip of JSON."""
    return base64.b64encode(gzip.compress(msgspec.json.encode(data), 9, mtime=0)).decode()


def changed(changes: Iterable[Change], old: Results | None, new: Results) -> list[Changed]:
    """The changes, with what each side found. ``old`` is None where only a baseline of the earlier run is there."""
    before, after = ({each.id: each.detail for each in run.verdicts} if run else {} for run in (old, new))
    return [
        Changed(
            each.what,
            each.verdict_id,
            ": ".join(filter(None, (each.before, before.get(each.verdict_id)))),
            ": ".join(filter(None, (each.after, after.get(each.verdict_id)))),
        )
        for each in changes
    ]


def _faults(records: Iterable[Record], entries: Mapping[str, Entry]) -> Iterator[Fault]:
    for name, kind, number, cause in known_by_danger(records):
        entry = entries.get(name)
        if entry is None:  # these are results of another commit
            yield Fault(name, kind, number, cause)
            continue
        yield Fault(
            name,
            kind,
            number,
            entry.cause,
            entry.upstream,
            entry.issue,
            sorted(entry.versions),
            [(language, BEFORE[language] + code.strip()) for language, code in entry.reproduction.pieces],
            entry.reproduction.shows,
        )


def _annotated(records: Sequence[Record], folder: Path) -> Iterator[tuple[int, Annotated]]:
    """Of the first records that have both files, and whose files are still there."""
    with_files = [(place, record) for place, record in enumerate(records) if record.files]
    for place, record in with_files[:MOST_ANNOTATED]:
        both = [folder / file for file in record.files if Path(file).name in KEPT]
        if len(both) == len(KEPT):
            try:
                expected, found = (file.read_bytes() if file.is_file() else b"" for file in both)
            except OSError:
                continue
            lines = annotated(expected, found) if expected and found else None
            # Where a file's bytes are not compared, it may be of another format, whose bytes mean something else.
            if lines and (record.check == "bytes" or not lines.stops):
                yield place, lines
