"""results.json: written as the run goes, read by everything that shows results. Imports record.

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
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from .record import Record

SCHEMA_VERSION = 1
SECONDS_BETWEEN_WRITES = 1.0


class ResultsError(ValueError):
    """The file is not a results.json. Says the file, the place in it and what is wrong there."""


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
            # On Windows a file that somebody reads cannot be replaced: the next second will do.
            with suppress(PermissionError):
                self._write()

    def finish(self, complete: bool, timing: Timing, problems: Sequence[str] = ()) -> None:
        """Write the file for the last time. ``complete``: every selected case has its verdicts."""
        self._head |= {
            "complete": complete,
            "finished": _now(),
            "timing": {name: round(seconds, 3) for name, seconds in asdict(timing).items()},
            "problems": list(problems),
        }
        self._write()

    def _write(self) -> None:
        beside = self._path.with_name(self._path.name + ".part")
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            head = json.dumps(self._head, indent=1).removesuffix("\n}")
            file.write(f'{head},\n "verdicts": [\n')
            file.write(",\n".join(self._records))
            file.write("\n]}\n")
        beside.replace(self._path)
        self._written = time.monotonic()


def load_results(path: Path) -> Results:
    """Read a results.json and hold it to its schema.

    Raises ResultsError when it is not what the schema says, OSError when it cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path} is not valid JSON: {error}") from error
    schema = json.loads(resources.files("tscompat.results").joinpath("results.schema.json").read_text(encoding="utf-8"))
    validator: Any = Draft202012Validator(schema)
    for error in validator.iter_errors(document):
        place = " / ".join(map(str, error.absolute_path)) or "the file"
        raise ResultsError(f"{path}: {place}: {error.message}")
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
