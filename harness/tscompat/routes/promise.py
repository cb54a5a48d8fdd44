"""What the documentation says, and what a person takes for granted, tried on the real TorchSharp."""

from __future__ import annotations

from collections.abc import Mapping

from tscompat.catalogue import Case
from tscompat.verdict import Kind, Verdict

from . import judging
from .route import PYTHON_TO_DOTNET, Job, Route


def keep(job: Job) -> Mapping[str, Verdict]:
    """Have the peer try the promise."""
    promise = job.case.promise
    assert promise is not None
    answer = job.ask("probe", job.reader_device)
    refused = judging.refused(answer, job)
    if refused or answer["observed"] == promise.observed:
        return {"kept": refused or judging.PASS}
    return {"kept": Verdict(Kind(promise.otherwise), f"{answer['observed']}; due is: {promise.observed}")}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("kept",)


ROUTES = (
    Route(
        name="promise",
        why="a sentence of the documentation, or what is taken for granted",
        directions={PYTHON_TO_DOTNET: keep},
        checks=_checks,
    ),
)
