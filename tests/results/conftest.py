"""Made-up records."""

from collections.abc import Callable
from typing import Any

import pytest

from tscompat.results.record import Record
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """A pass of one bfloat16 case; every field can be given another value, and so can the id's route."""

    def make(route: str = "dat", **fields: Any) -> Record:
        record = {
            "id": VerdictId(route, "python-to-dotnet", "cpu", "pattern/all/bf16", "bits"),
            "dtype": "bf16",
            "verdict": Verdict(Kind.PASS),
            "judgement": Judgement(Outcome.PASSED),
            "seconds": 0.25,
        }
        return Record(**record | fields)

    return make


@pytest.fixture
def failure(make_record: Callable[..., Record]) -> Record:
    """A failed verdict with everything that a record can carry."""
    return make_record(
        verdict=Verdict(Kind.BITS, "element [1] is 0x7fc1, expected 0x7f81"),
        judgement=Judgement(Outcome.FAILED, "nan-payload", "kind changed: 'nan-payload' expects refused, got bits"),
        files=("failures/1/expected.dat", "failures/1/actual.dat"),
        rerun="tscompat run -k pattern/all/bf16",
    )
