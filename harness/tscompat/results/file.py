"""results.json: written as the run goes, read by everything that shows results. Imports documents and record.

An interrupted or killed run leaves a valid file that says so (``complete`` is false): each writing goes beside the file
and is renamed over it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole

from .record import Record

SCHEMA_VERSION = 1
SECONDS_BETWEEN_WRITES = 1.0
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to write the finished file while somebody else has it open."""

_SCHEMA = Path(__file__).with_name("results.schema.json")


class ResultsError(ValueError):
    """The file is not a results.json: says the file, the place in it, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time went, in seconds."""

    harness_seconds: float
    """In the harness, summed over the journeys and the workers."""
    torchsharp_seconds: float
    """Inside TorchSharp and its .NET, for the same journeys."""
    wall_seconds: float
    """Of the whole run."""


@dataclass(frozen=True, slots=True)
class Results:
    """A whole results.json."""

    complete: bool
    """False when the run was interrupted, killed, or is still going."""
    started: str
    """ISO 8601, UTC."""
    finished: str | None
    environment: dict[str, Any]
    timing: Timing | None
    """None until the run has ended."""
    problems: tuple[str, ...]
    """What is wrong with the run as a whole, a sentence each: a stale divergence, nothing selected."""
    records: tuple[Record, ...]


class ResultsFile:
    """The writing side. The file is there, valid and incomplete, from the first moment on."""

    def __init__(self, path: Path, environment: dict[str, Any]) -> None:
        """``environment``: what the run runs on, as JSON. The folder is made when it is not there."""
        self._path = path
        self._head: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "complete": False,
            "started": _now(),
            "finished": None,
            "environment": environment,
            "timing": None,
            "problems": [],
        }
        self._records: list[str] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def add(self, record: Record) -> None:
        """Take a record in. The file is written again when the last writing is a second ago."""
        self._records.append(json.dumps(record.as_json()))
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            with suppress(PermissionError):  # see _write; the next second will do
                self._write()

    def finish(self, complete: bool, timing: Timing, problems: Sequence[str] = ()) -> None:
        """Write the file for the last time. ``complete``: every selected case has its verdicts."""
        self._head |= {
            "complete": complete,
            "finished": _now(),
            "timing": {name: round(seconds, 3) for name, seconds in asdict(timing).items()},
            "problems": list(problems),
        }
        for pause in PAUSES:
            with suppress(PermissionError):
                self._write()
                return
            time.sleep(pause)
        self._write()

    def _write(self) -> None:
        """Raises PermissionError on Windows while somebody reads the file: it cannot be replaced then."""
        self._written = time.monotonic()
        head = json.dumps(self._head, indent=1).removesuffix("\n}")
        texts = (f'{head},\n "verdicts": [\n', ",\n".join(self._records), "\n]}\n")
        write_whole(self._path, map(str.encode, texts))


def load_results(path: Path) -> Results:
    """Read a results.json and hold it to its schema.

    Raises ResultsError when it is not what the schema says, OSError when it cannot be read.
    """
    document = read_document(path, ResultsError, _SCHEMA)
    return Results(
        complete=document["complete"],
        started=document["started"],
        finished=document["finished"],
        environment=document["environment"],
        timing=document["timing"] and Timing(**document["timing"]),
        problems=tuple(document["problems"]),
        records=tuple(map(Record.from_json, document["verdicts"])),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
