"""One verdict as it stands in results.json. May import values, verdicts."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Meta, Struct

from tscompat.values.text import escaped
from tscompat.values.verdict import FirstDifference, Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

UNEXPECTED = "unexpected"
"""The folder beside results.json that keeps the files of unexpected verdicts."""

Words = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0)]


class Difference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The first difference, as data."""

    entry: str | None = None
    """The name of the tensor or option; absent where a whole file or a list of names differs."""
    field: str
    """What differs: names, order, dtype, shape, element, byte and the like."""
    offset: int | None = None
    """Bytes from the start of the tensor's elements or of the file; absent where nothing lies at an offset."""
    expected: str | None = None
    found: str | None = None

    @classmethod
    def of(cls, first: FirstDifference) -> Self:
        """The first difference of a verdict, as the file has it."""
        entry, field, offset, expected, found = first
        return cls(
            entry=entry and escaped(entry),
            field=field,
            offset=offset,
            expected=expected and escaped(expected),
            found=found and escaped(found),
        )


class Record(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One verdict, and what it means for the run. Its environment and its id together identify it."""

    environment: str
    """The key of one of the file's environments."""
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.+-]+(/[A-Za-z0-9.+-]+){4,}$")]
    """route/direction/device/case/check"""
    route: str
    direction: str
    device: str
    """cpu, cuda, or writer-reader where they differ."""
    case: str
    """The id of the case, the only part that contains slashes."""
    check: str
    dtype: str
    """The dtype's short name, or mixed."""
    verdict: Kind
    detail: str
    """What was found, in words; for not-run the reason. Empty for a pass."""
    difference: Difference | None = None
    seconds: Seconds
    """The time of the transfer (making the bits, writing, reading, comparing) for the first of its checks; 0 for the
    others."""
    outcome: Outcome
    divergence: Words | None = None
    """The entry of cases/divergences/ that covers this id; absent where none does, or the verdict is not-run. Where the
    outcome is passed, the fault of the entry is gone."""
    assumed: str = ""
    """Where that entry names no version of what ran, and is assumed to go on: the version that it names, with its
    package (``TorchSharp 0.107.0``)."""
    reason: str = ""
    """Why the verdict fails the run, or the cause of the divergence."""
    files: tuple[Words, ...] = ()
    """Kept files of an unexpected verdict, relative to results.json, with ``/``."""
    rerun: str = ""
    """The command that runs this verdict again; only where it is unexpected."""

    def __post_init__(self) -> None:
        """Raises ValueError where the id and its parts differ."""
        parts = "/".join((self.route, self.direction, self.device, self.case, self.check))
        if self.id != parts:
            raise ValueError(f"the id is {self.id!r}, its parts are {parts!r}")

    @classmethod
    def of(
        cls,
        environment: str,
        verdict_id: VerdictId,
        dtype: str,
        verdict: Verdict,
        judgement: Judgement,
        seconds: float = 0.0,
        files: tuple[str, ...] = (),
        rerun: str = "",
    ) -> Self:
        """The record of a verdict. ``environment`` is the key of the environment in which it was found.

        Lone surrogates in names, which JSON cannot hold, are escaped.
        """
        return cls(
            environment=environment,
            id=str(verdict_id),
            **verdict_id._asdict(),
            dtype=dtype,
            verdict=verdict.kind,
            detail=escaped(verdict.detail),
            difference=None if verdict.difference is None else Difference.of(verdict.difference),
            seconds=round(seconds, 6),
            outcome=judgement.outcome,
            divergence=judgement.divergence,
            reason=judgement.reason,
            assumed=judgement.assumed,
            files=files,
            rerun=rerun,
        )
