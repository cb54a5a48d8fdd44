"""One verdict as it stands in results.json. Imports verdict and divergences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

UNEXPECTED = "unexpected"
"""The folder beside results.json that keeps the files of unexpected verdicts."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was found out about one id, and what that means for the run."""

    id: VerdictId
    dtype: str
    """The dtype's short name, or ``mixed``."""
    verdict: Verdict
    judgement: Judgement
    seconds: float
    """Of the journey (the case made, written, read, compared), charged to the first of its checks; else 0."""
    files: tuple[str, ...] = ()
    """Kept artifacts of an unexpected verdict, relative to results.json, with ``/``."""
    rerun: str = ""
    """The command that runs this case again; empty unless the verdict is unexpected."""

    def as_json(self) -> dict[str, Any]:
        """The object that stands in the file (results.schema.json). Optional members that are empty are left out."""
        optional = {
            "divergence": self.judgement.divergence,
            "reason": self.judgement.reason,
            "files": list(self.files),
            "rerun": self.rerun,
        }
        return {
            "id": str(self.id),
            **self.id._asdict(),
            "dtype": self.dtype,
            "verdict": self.verdict.kind,
            "detail": self.verdict.detail,
            "seconds": round(self.seconds, 6),
            "outcome": self.judgement.outcome,
            **{name: value for name, value in optional.items() if value},
        }

    @classmethod
    def from_json(cls, member: dict[str, Any]) -> Record:
        """The other way round, for an object that the schema has found good."""
        return cls(
            VerdictId(*(member[part] for part in VerdictId._fields)),
            member["dtype"],
            Verdict(Kind(member["verdict"]), member["detail"]),
            Judgement(Outcome(member["outcome"]), member.get("divergence"), member.get("reason", "")),
            member["seconds"],
            tuple(member.get("files", ())),
            member.get("rerun", ""),
        )
