"""Compares two runs, or a run with a baseline, which is a run in short. May import values, resources, verdicts.

A baseline has of each verdict the id, the outcome, the kind and a digest of the detail, and is compressed (xz).
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from tscompat.resources.whole import write_whole
from tscompat.values.verdict import Kind
from tscompat.verdicts.divergences import Outcome

from .environment import Environment, names_of
from .file import Results, ResultsError, load_results
from .record import Record

SUFFIX = ".xz"
"""Of a baseline's name."""
_XZ = b"\xfd7zXZ\0"
"""The first bytes of a compressed file, by which a baseline of another name is known."""
DECIDED = {Outcome.PASSED, Outcome.DIVERGENCE, Outcome.FAILED}
Digest = Annotated[str, Meta(pattern="^([0-9a-f]{8})?$")]


class Row(NamedTuple):
    """A verdict in short."""

    outcome: Outcome
    verdict: Kind
    digest: Digest
    """Eight digits of a hash of the detail. Empty for a pass, whose detail only states how near the sides are."""


class Baseline(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run in short. Its file is compressed JSON."""

    schema: Literal[1]
    ran_on: str
    """The versions and hashes of what ran, in words."""
    verdicts: dict[str, Row]
    """By id."""
    problems: tuple[str, ...]

    @classmethod
    def of(cls, results: Results, path: Path | str) -> Baseline:
        """A run in short. Raises ResultsError, which names ``path``, for a file of several environments."""
        if len(results.environments) > 1:
            names = "; ".join(names_of(results.environments).values())
            raise ResultsError(
                f"{path}: found several environments ({names}); expected one: take the results.json of one of them, "
                "which lies in a folder beside this file"
            )
        problems = results.problems if results.complete else (*results.problems, "the run stopped before its end")
        (environment,) = results.environments.values()
        verdicts = {record.id: Row(record.outcome, record.verdict, _digest(record)) for record in results.verdicts}
        return cls(schema=1, ran_on=ran_on(environment), verdicts=verdicts, problems=problems)


def is_baseline(path: Path) -> bool:
    """Whether a file is a baseline, by its name or its first bytes. Raises OSError."""
    with path.open("rb") as file:
        return path.suffix == SUFFIX or file.read(len(_XZ)) == _XZ


def load(path: Path) -> Baseline:
    """A results.json, or a baseline, in short.

    Raises ResultsError for a file that is neither or has several environments, OSError if it cannot be read.
    """
    if not is_baseline(path):
        return Baseline.of(load_results(path), path)
    try:
        return msgspec.json.decode(lzma.decompress(path.read_bytes()), type=Baseline)
    except (lzma.LZMAError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultsError(f"{path}: found no baseline ({error}); expected one that tscompat bless wrote") from error


def save(baseline: Baseline, path: Path) -> None:
    """Write a baseline: the same bytes for the same run."""
    ordered = msgspec.structs.replace(baseline, verdicts=dict(sorted(baseline.verdicts.items())))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (lzma.compress(msgspec.json.encode(ordered), preset=9),))


class Change(NamedTuple):
    """A verdict that is not as it was."""

    what: Literal["regression", "fixed", "changed", "not run any more", "run now", "gone", "new"]
    """A regression fails now and did not. ``changed``: another kind or message, no failure before and now, or one in
    both."""
    verdict_id: str
    before: str
    after: str


def compare(old: Baseline, new: Baseline) -> Iterator[Change]:
    """The verdicts that differ, in the order of ``new``, then those that it lacks."""
    for verdict_id, row in new.verdicts.items():
        before = old.verdicts.get(verdict_id)
        if before != row:
            yield Change(_what(before, row), verdict_id, _short(before), _short(row))
    for verdict_id, row in old.verdicts.items():
        if verdict_id not in new.verdicts:
            yield Change("gone", verdict_id, _short(row), "")


def _what(
    before: Row | None, after: Row
) -> Literal["regression", "fixed", "changed", "not run any more", "run now", "new"]:
    if after.outcome is Outcome.FAILED and (before is None or before.outcome is not Outcome.FAILED):
        return "regression"
    if before is None:
        return "new"
    if after.outcome not in DECIDED:
        return "not run any more" if before.outcome in DECIDED else "changed"
    if before.outcome not in DECIDED:
        return "run now"
    return "fixed" if before.outcome is Outcome.FAILED and after.outcome is not Outcome.FAILED else "changed"


def _short(row: Row | None) -> str:
    return f"{row.outcome}, {row.verdict}" if row else ""


def _digest(record: Record) -> str:
    return "" if record.verdict is Kind.PASS else hashlib.sha256(record.detail.encode()).hexdigest()[:8]


def ran_on(environment: Environment) -> str:
    """The versions and hashes of what ran, in words."""
    libraries = (
        ("torch", environment.torch),
        ("TorchSharp", environment.torchsharp),
        ("libtorch", environment.libtorch),
    )
    named = [f"{name} {library.version} ({library.sha256[:15]})" for name, library in libraries if library]
    return ", ".join([*named, environment.platform, environment.device, f"tscompat {environment.tscompat}"])
