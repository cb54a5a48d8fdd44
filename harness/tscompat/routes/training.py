"""Compares the training of modules that both sides build natively: steps from one file, on the same batches.

May import every room above it in ARCHITECTURE.md's table. What is computed must be bitwise equal, or as close to what
Python computes in float64 as rounding explains (docs/bounds.md).
"""

from __future__ import annotations

import functools

from tscompat.catalogue import Case, CatalogueError, Model, make_batches
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.python_side.agreement import agree
from tscompat.python_side.models import training_steps
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import StateDict

from . import dotnet_half, judging
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = ("losses", "parameters")
"""The loss of each step, and the parameters and buffers after it."""


def train(job: Job[Model]) -> Transfer:
    """Train the case's module on both sides, and compare the losses and the state dict after each step."""
    model, training = job.subject, job.subject.training
    assert training is not None
    batches = make_batches(job.case.id, model, training)
    optimizer = training_steps.record(model, training)
    write_whole(job.inputs, encode_state_dict(batches))
    answer = job.ask(
        messages.Train(
            expected=str(job.expected_file),
            module=dotnet_half.native(model),
            batches=str(job.inputs),
            optimizer=optimizer.name,
            options=dict(optimizer.groups[0]),
            loss=training.loss,
            steps=training.steps,
            outputs=str(job.outputs),
            device=job.reader_device,
            run=None,
        )
    )
    if judging.failed(answer):
        return Transfer(dict.fromkeys(CHECKS, judging.failure(answer, job)), job.outputs)
    ours = training_steps.trained(model, training, job.entries, batches, model.dtype)
    references = functools.cache(lambda: training_steps.reference(model, training, job.entries, batches, model.dtype))
    mine, theirs = _by_check(ours), _by_check(read_state_dict(job.outputs))
    return Transfer(
        {check: agree(mine[check], theirs[check], references, "after steps,") for check in CHECKS}, job.outputs
    )


def _by_check(results: StateDict) -> dict[str, StateDict]:
    by_check: dict[str, StateDict] = {check: [] for check in CHECKS}
    for entry in results:
        by_check["losses" if entry.name.startswith("loss.") else "parameters"].append(entry)
    return by_check


def _checks(case: Case, model: Model, direction: str) -> tuple[str, ...]:
    if model.training is None:
        raise CatalogueError(f"{case.id}: the route training needs a case with the key training")
    return CHECKS


ROUTES = (
    Route(
        name="training",
        why="20 steps of training from one file, natively on both sides",
        subjects=(Model,),
        overload="",
        directions={PYTHON_TO_DOTNET: train},
        checks=_checks,
    ),
)
