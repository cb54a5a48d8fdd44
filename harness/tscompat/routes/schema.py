"""Compares the state dicts of modules that both sides build natively: names, order, dtypes, shapes, buffers.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

from tscompat.catalogue import Case, Model
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.values.compare import compare, first
from tscompat.values.dtypes import BY_CODE
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import Kind

from . import dotnet_half, judging
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = {
    "names": Kind.NAMES,
    "order": Kind.ORDER,
    "dtype": Kind.DTYPE,
    "shape": Kind.SHAPE,
    "buffers": Kind.NAMES,
}
"""The checks of ``schema``, and the kind of their differences. ``buffers``: each buffer is one on both sides."""


def schema(job: Job[Model]) -> Transfer:
    """Compare the state dicts of the two modules as their constructors leave them, without their values."""
    answer = job.ask(messages.Schema(dotnet_half.native(job.subject)))
    if judging.failed(answer):
        return Transfer(dict.fromkeys(CHECKS, judging.failure(answer, job)), job.artifact)
    expected = [Entry(spec.name, Tensor(spec.dtype, spec.shape, b"")) for spec in job.specs]
    found = [Entry(each.name, Tensor(BY_CODE[each.code], each.shape, b"")) for each in answer.entries]
    differences = compare(expected, found)
    shapes = digest(found)
    verdicts = {
        check: judging.with_predictions(first(differences, {kind}), job, shapes, expected)
        for check, kind in CHECKS.items()
    }
    verdicts["buffers"] = judging.roles(job, {each.name: each.buffer for each in answer.entries})
    return Transfer(verdicts, job.artifact)


def _checks(case: Case, model: Model, direction: str) -> tuple[str, ...]:
    return ("names",) if model.only else tuple(CHECKS)


ROUTES = (
    Route(
        name="schema",
        why="the state dict of a module built natively on both sides",
        subjects=(Model,),
        overload="",
        directions={PYTHON_TO_DOTNET: schema},
        checks=_checks,
        needs_bits=False,
    ),
)
