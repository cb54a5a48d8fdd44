"""Makes one results.json of several: of versions that ran one after the other, or of the shards of a run.

Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from .environment import Environment
from .file import Results, ResultsError, Timing
from .record import Record


def merge(parts: Mapping[str, Results], problems: Sequence[str] = ()) -> Results:
    """All records of ``parts``, which are known by their environment and id.

    ``parts`` has the results of at least one run by the folder that it wrote, relative to that of the merged file: the
    kept files are named from there, and a run's problems begin with it. ``problems`` are those of the whole; with any,
    it is incomplete.

    Raises ResultsError for a verdict that two of them have.
    """
    environments: dict[str, Environment] = {}
    records: dict[tuple[str, str], Record] = {}
    found_in: dict[tuple[str, str], str] = {}
    for folder, part in parts.items():
        environments |= {key: each for key, each in part.environments.items() if key not in environments}
        for record in part.verdicts:
            key = record.environment, record.id
            if key in records:
                both = f"{found_in[key]} and {folder}"
                raise ResultsError(
                    f"{both}: found {record.id} in both for the environment {record.environment}; expected it in one: "
                    "merge runs of other versions, or of other ids"
                )
            files = tuple(f"{folder}/{file}" for file in record.files)
            records[key] = msgspec.structs.replace(record, files=files)
            found_in[key] = folder
    of_parts = [f"{folder}: {problem}" for folder, part in parts.items() for problem in part.problems]
    finished = [part.finished for part in parts.values()]
    return Results(
        schema=3,
        complete=not problems and all(part.complete for part in parts.values()),
        started=min(part.started for part in parts.values()),
        finished=None if None in finished else max(filter(None, finished)),
        environments=environments,
        timing=_timing(part.timing for part in parts.values()),
        problems=(*of_parts, *problems),
        verdicts=tuple(records.values()),
    )


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
