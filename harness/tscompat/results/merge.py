"""Makes one results.json of several: of versions that ran one after the other, or of the shards of a run.

May import values, verdicts.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from tscompat.values.text import escaped
from tscompat.verdicts.divergences import Outcome

from .environment import Environment
from .file import NOTHING_DECIDED, Part, Results, ResultsError, Timing, load_results
from .record import Record


class Piece(NamedTuple):
    """The results of one of several runs."""

    name: str
    """What messages call it."""
    folder: str
    """The folder that it wrote, relative to that of the merged file, with ``/``: kept files are named from there."""
    results: Results


def read_piece(file: Path, beside: Path) -> Piece:
    """A run's results, for a file that is written into the folder ``beside``. Raises ResultsError and OSError."""
    folder = file.absolute().parent
    with suppress(ValueError):  # on Windows no path leads from one drive to another
        folder = Path(os.path.relpath(folder, beside.absolute()))
    return Piece(shown_path(file), shown_path(folder), load_results(file))


def shown_path(path: Path) -> str:
    """A path in words, with ``/``; what is not UTF-8 in it is escaped, because JSON and HTML cannot hold it."""
    return escaped(path.as_posix())


def merge(pieces: Sequence[Piece], problems: Sequence[str] = ()) -> Results:
    """All records of at least one run, known by their environment and id.

    A problem that all runs have is named once, another with the run. ``problems`` are those of the whole; with any, it
    is incomplete. Raises ResultsError for a verdict that two of them have.
    """
    environments: dict[str, Environment] = {}
    records: dict[tuple[str, str], Record] = {}
    found_in: dict[tuple[str, str], str] = {}
    for piece in pieces:
        name, results = piece.name, placed(piece)
        environments |= {key: each for key, each in results.environments.items() if key not in environments}
        for record in results.verdicts:
            key = record.environment, record.id
            if key in records:
                raise ResultsError(
                    f"{found_in[key]} and {name}: found {record.id} in both for the environment {record.environment}; "
                    "expected it in one: merge runs of other versions, or of other ids"
                )
            records[key] = record
            found_in[key] = name
    all_results = [piece.results for piece in pieces]
    finished = [each.finished for each in all_results]
    return Results(
        schema=4,
        complete=not problems and all(each.complete for each in all_results),
        started=min(each.started for each in all_results),
        finished=None if None in finished else max(filter(None, finished)),
        environments=environments,
        timing=_timing(each.timing for each in all_results),
        part=all_results[0].part if len({each.part for each in all_results}) == 1 else None,
        problems=(*_problems(pieces), *problems),
        verdicts=tuple(records.values()),
    )


def placed(piece: Piece) -> Results:
    """The results, whose kept files are named from the merged file's folder."""
    records = (
        msgspec.structs.replace(record, files=tuple(f"{piece.folder}/{file}" for file in record.files))
        for record in piece.results.verdicts
    )
    return msgspec.structs.replace(piece.results, verdicts=tuple(records))


def merge_shards(pieces: Sequence[Piece]) -> Results:
    """The whole run of all its shards.

    Raises ResultsError for results that are no shard, for shards of different runs or environments, for one that is
    missing or there twice, and where the whole lacks a verdict although each shard came to its end.
    """
    parts: dict[str, Part] = {}
    for name, _, results in pieces:
        if name in parts:
            raise ResultsError(f"{name} is given twice; expected each shard once")
        if results.part is None:
            raise ResultsError(f"{name}: found a whole run; expected one of tscompat run --shard")
        parts[name] = results.part
    (first, part), *others = parts.items()
    for name, other in others:
        if (other.whole, _of(other)) != (part.whole, _of(part)):
            raise ResultsError(
                f"{name}: found shard {other.shard} of another run than that of {first} ({part.shard}): run all shards "
                "of one commit with the same options"
            )
    numbers = Counter(other.shard for other in parts.values())
    doubled = [f"{shard} in {_names(parts, shard)}" for shard, times in numbers.items() if times > 1]
    missing = sorted({f"{number}/{_of(part)}" for number in range(1, _of(part) + 1)} - numbers.keys(), key=_number)
    if doubled or missing:
        words = [*(f"found shard {each}" for each in doubled), *(f"found no shard {each}" for each in missing)]
        raise ResultsError(f"{'; '.join(words)}: expected each of {_of(part)} once")
    every = {name: results.environments for name, _, results in pieces}
    for name, found in every.items():
        if found.keys() != every[first].keys():
            raise ResultsError(
                f"{name}: found the environment {', '.join(found)}; expected {', '.join(every[first])}, that of {first}"
                ": run all shards with the same versions"
            )
        for key, each in found.items():
            if differs := each.differs(every[first][key]):
                raise ResultsError(f"{name} and {first}: found {differs}: run all shards with the same versions")
    whole = merge(pieces)
    for key in whole.environments if whole.complete else ():
        ids = [record.id for record in whole.verdicts if record.environment == key]
        if Part.of(part.shard, ids) != part:
            raise ResultsError(f"found {len(ids)} verdicts for the environment {key}, which are not those of the whole")
    problems = whole.problems
    if whole.complete and all(record.outcome is Outcome.NOT_RUN for record in whole.verdicts):
        problems = (*problems, NOTHING_DECIDED)
    return msgspec.structs.replace(whole, part=None, problems=problems)


def _of(part: Part) -> int:
    return int(part.shard.partition("/")[2])


def _number(shard: str) -> int:
    return int(shard.partition("/")[0])


def _names(parts: Mapping[str, Part], shard: str) -> str:
    return " and ".join(name for name, part in parts.items() if part.shard == shard)


def _problems(pieces: Sequence[Piece]) -> list[str]:
    """The problems of the runs, each once."""
    found: dict[str, list[str]] = {}
    for name, _, results in pieces:
        for problem in results.problems:
            found.setdefault(problem, []).append(name)
    return [
        problem if len(names) == len(pieces) > 1 else f"{', '.join(names)}: {problem}"
        for problem, names in found.items()
    ]


def _timing(timings: Iterable[Timing | None]) -> Timing | None:
    """The sums, on the cores that one of them had; None where none has come to its end."""
    ended = [timing for timing in timings if timing]
    if not ended:
        return None
    return Timing(
        harness_seconds=round(sum(each.harness_seconds for each in ended), 3),
        torchsharp_seconds=round(sum(each.torchsharp_seconds for each in ended), 3),
        wall_seconds=round(sum(each.wall_seconds for each in ended), 3),
        cores=max(each.cores for each in ended),
    )
