"""results.json: written as the run goes, read by everything that shows results. May import resources.

An interrupted or killed run leaves a valid file in which ``complete`` is false: each version is written beside the file
and then renamed over it.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.documents import read_document
from tscompat.resources.whole import write_whole

from .environment import Environment, Sha256
from .record import Record, Seconds, Words

SECONDS_BETWEEN_WRITES = 1.0
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to write the finished file, where another program has it open (on Windows)."""

NOTHING_DECIDED = "no verdict was decided: nothing that was selected could be run"
"""The problem of a run in which that is so."""
SCHEMA = Path(__file__).with_name("results.schema.json")
"""The published JSON Schema of the file; the module ``schema`` writes it."""

Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]


class ResultsError(ValueError):
    """The file is not a results.json; the message has the file, the place, what was found and what was expected."""


class Timing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the time went."""

    harness_seconds: Seconds
    """Spent in the harness, summed over the verdicts."""
    torchsharp_seconds: Seconds
    """Spent inside TorchSharp and its .NET, summed over the same verdicts."""
    wall_seconds: Seconds
    """The duration of the whole run, with the build and the collection."""
    cores: Annotated[int, Meta(ge=1)]
    """The cores that the run used: one for each worker, at least one."""

    @property
    def overhead_ratio(self) -> float | None:
        """Wall time times cores, divided by the seconds inside TorchSharp; None where TorchSharp did nothing."""
        return self.wall_seconds * self.cores / self.torchsharp_seconds if self.torchsharp_seconds else None


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of which run these results are a shard."""

    shard: Annotated[str, Meta(pattern="^[1-9][0-9]*/[1-9][0-9]*$")]
    """Its number, from 1, and how many there are."""
    whole: Sha256
    """The hash of the ids of the whole run, sorted, a line each."""

    @classmethod
    def of(cls, shard: str, whole: Iterable[str]) -> Self:
        """A shard of a run with these ids."""
        digest = hashlib.sha256("\n".join(sorted(whole)).encode()).hexdigest()
        return cls(shard=shard, whole=f"sha256:{digest}")


class Results(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """results.json of torchsharp-compat: the verdicts of a run, or of several."""

    schema: Literal[4]
    """The version of this schema. A file with another number has another format."""
    complete: bool
    """Whether the run came to its end. False while it is going, and if it was interrupted, killed or stopped early."""
    started: Instant
    """ISO 8601, UTC."""
    finished: Instant | None
    environments: Annotated[dict[str, Environment], Meta(min_length=1)]
    """The environments of the verdicts, by key: twelve hexadecimal digits of a hash of the fields that identify one."""
    timing: Timing | None
    """Null until the run has ended."""
    part: Part | None
    """Null for a whole run."""
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
    """Writes results.json. The file exists from the constructor on: valid, and marked incomplete until ``finish``."""

    def __init__(
        self, path: Path, environment: Environment, part: Part | None = None, kept: Iterable[Record] = ()
    ) -> None:
        """``environment`` is what the run runs on; ``kept`` are records that the first file already has. The file's
        folder is made if it does not exist. Raises OSError.
        """
        self._path = path
        self._head = Results(
            schema=4,
            complete=False,
            started=_now(),
            finished=None,
            environments={environment.key: environment},
            timing=None,
            part=part,
            problems=(),
            verdicts=(),
        )
        self._records = {(each.environment, each.id): msgspec.json.encode(each) for each in kept}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def add(self, record: Record) -> None:
        """Add a record; a second one with the same environment and id replaces the first.

        Writes the file, if a second or more has passed since it was last written.
        """
        self._records[record.environment, record.id] = msgspec.json.encode(record)
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            with suppress(PermissionError):  # another program reads it (see _write): a later call writes it
                self._write()

    def finish(self, complete: bool, timing: Timing, problems: Sequence[str] = ()) -> None:
        """Write the file for the last time. ``complete``: the run came to its end."""
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
        """Raises PermissionError on Windows while another program reads the file, which cannot be replaced then."""
        self._written = time.monotonic()
        _write(self._path, self._head, self._records.values())


def save_results(results: Results, path: Path) -> None:
    """Write a results.json as a run writes it. Raises OSError."""
    _write(path, msgspec.structs.replace(results, verdicts=()), map(msgspec.json.encode, results.verdicts))


def load_results(path: Path) -> Results:
    """Read a results.json.

    Raises ResultsError when it does not follow the schema, OSError when it cannot be read.
    """
    try:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Results)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            read_document(path, ResultsError, SCHEMA)  # raises ResultsError, if the schema finds faults
            raise ResultsError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ResultsError(f"{path}: found JSON that is nested too deeply; expected a results.json") from error


def _write(path: Path, head: Results, records: Iterable[bytes]) -> None:
    """``head`` has no verdicts: they are ``records``, a line for each."""
    start = msgspec.json.format(msgspec.json.encode(head), indent=1).removesuffix(b"]\n}")
    write_whole(path, (start, b"\n", b",\n".join(records), b"\n]}\n"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
