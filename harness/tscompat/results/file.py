"""results.json: written as the run goes, read by everything that shows results. May import resources.

An interrupted or killed run leaves a valid file in which ``complete`` is false: each writing goes beside the file
and is renamed over it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole

from .environment import Environment
from .record import Record, Seconds, Words

SECONDS_BETWEEN_WRITES = 1.0
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to write the finished file while somebody else has it open."""

SCHEMA = Path(__file__).with_name("results.schema.json")
"""The published JSON Schema of the file (``schema`` derives it)."""

Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]


class ResultsError(ValueError):
    """The file is not a results.json; the message has the file, the place, what was found and what was expected."""


class Timing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the time went."""

    harness_seconds: Seconds
    """In the harness, summed over the verdicts."""
    torchsharp_seconds: Seconds
    """Inside TorchSharp and its .NET, for the same verdicts."""
    wall_seconds: Seconds
    """Of the whole run."""
    cores: Annotated[int, Meta(ge=1)]
    """That the run had: one a worker."""

    @property
    def overhead_ratio(self) -> float | None:
        """Wall time times cores, divided by the seconds inside TorchSharp; None where TorchSharp did nothing."""
        return self.wall_seconds * self.cores / self.torchsharp_seconds if self.torchsharp_seconds else None


class Results(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """results.json of torchsharp-compat: the verdicts of a run, or of several."""

    schema: Literal[2]
    """The version of this schema. Another one is another format."""
    complete: bool
    """False when the run was interrupted, killed, or is still going."""
    started: Instant
    """ISO 8601, UTC."""
    finished: Instant | None
    environments: Annotated[dict[str, Environment], Meta(min_length=1)]
    """What the verdicts were found in, by key: twelve hexadecimal digits of a hash of what identifies it."""
    timing: Timing | None
    """Null until the run has ended."""
    problems: tuple[Words, ...]
    """What is wrong with the run as a whole, a sentence each; any of them fails it."""
    verdicts: tuple[Record, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where a record's environment is missing, a key is wrong, or a record is there twice."""
        for key, environment in self.environments.items():
            if key != environment.key:
                raise ValueError(
                    f"environments: the key is {key!r}; expected {environment.key!r}, the hash of its fields"
                )
        known = Counter((record.environment, record.id) for record in self.verdicts)
        for (environment, verdict_id), times in known.items():
            if environment not in self.environments:
                raise ValueError(f"verdicts: {verdict_id} names the environment {environment!r}, which is not there")
            if times > 1:
                raise ValueError(f"verdicts: {verdict_id} is there {times} times for the environment {environment!r}")


class ResultsFile:
    """The writing side. The file is there, valid and incomplete, from the first moment on."""

    def __init__(self, path: Path, environment: Environment) -> None:
        """``environment``: what the run runs on. The folder is made when it is not there."""
        self._path = path
        self._head = Results(
            schema=2,
            complete=False,
            started=_now(),
            finished=None,
            environments={environment.key: environment},
            timing=None,
            problems=(),
            verdicts=(),
        )
        self._records: dict[tuple[str, str], bytes] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def add(self, record: Record) -> None:
        """Take a record in; a second one of its environment and id replaces the first.

        The file is written again when the last writing is a second ago.
        """
        self._records[record.environment, record.id] = msgspec.json.encode(record)
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            with suppress(PermissionError):  # see _write; the next second will do
                self._write()

    def finish(self, complete: bool, timing: Timing, problems: Sequence[str] = ()) -> None:
        """Write the file for the last time. ``complete``: every selected case has its verdicts."""
        self._head = msgspec.structs.replace(
            self._head, complete=complete, finished=_now(), timing=timing, problems=tuple(problems)
        )
        for pause in PAUSES:
            with suppress(PermissionError):
                self._write()
                return
            time.sleep(pause)
        self._write()

    def _write(self) -> None:
        """Raises PermissionError on Windows while somebody reads the file: it cannot be replaced then."""
        self._written = time.monotonic()
        head = msgspec.json.format(msgspec.json.encode(self._head), indent=1).removesuffix(b"]\n}")
        write_whole(self._path, (head, b"\n", b",\n".join(self._records.values()), b"\n]}\n"))


def load_results(path: Path) -> Results:
    """Read a results.json.

    Raises ResultsError when it does not follow the schema, OSError when it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        read_document(path, ResultsError, SCHEMA)  # which words the faults that the schema sees
        raise ResultsError(f"{path}: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
