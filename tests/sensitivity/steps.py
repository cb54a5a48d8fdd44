"""Faults of an optimizer's steps, put into what Python computes in .NET's place: which of them the checks see.

Each concerns one parameter or one state tensor, in the last step that is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import Case, OptimizerCase, make
from tscompat.python_side.optimizer_run import OptimizerRun, Start, results
from tscompat.python_side.torch_tensors import poison
from tscompat.routes.steps import Steps
from tscompat.values.tensors import Entry, StateDict, Tensor, as_float64
from tscompat.values.verdict import Kind

Numbers = NDArray[np.float64]
FACTORS: Mapping[str, float] = {"f64": 1 + 1e-9, "f32": 1 + 1e-4, "c64": 1 + 1e-4, "f16": 1.01, "bf16": 1.05}
"""By how much a state is scaled, by dtype."""
IN_FLOAT32 = (".eta", ".mu", ".mu_product")
"""The states that torch keeps in float32 whatever the dtype."""
STEPS: Mapping[str, Callable[[Numbers, Numbers], Numbers]] = {
    "no step": lambda before, after: before,
    "half a step": lambda before, after: (before + after) / 2,
    "the reversed step": lambda before, after: 2 * before - after,
}
"""What a faulty step makes of a parameter."""


class Seen(NamedTuple):
    """One fault, and whether the checks saw it."""

    case: str
    """The case's id."""
    dtype: str
    """That of the tensor with the fault."""
    fault: str
    seen: bool


def seen(case: Case) -> Iterator[Seen]:
    """Each fault in what the optimizer of a case computes after it was loaded."""
    start, numbers, right = computed(case)
    judge = Steps(start, start, numbers).judge
    for fault, number, wrong in (*_stepped(start, numbers, right), *_states(right)):
        compared = _alike(right, number)
        changed = [Entry(name, wrong if name == number else tensor) for name, tensor in compared]
        verdict = judge(compared, changed)
        yield Seen(case.id, wrong.dtype.name, f"{number}: {fault}", verdict.kind is not Kind.PASS)


def computed(case: Case) -> tuple[Start, range, StateDict]:
    """Where the compared steps of a case start, their numbers, and what torch computes."""
    subject = case.subject
    assert isinstance(subject, OptimizerCase)
    given = make(case.id, subject.specs)
    run = OptimizerRun(subject, given)
    run.steps(range(subject.steps))
    gradients = [entry for entry in given if entry.name.startswith("gradient.")]
    start = Start(subject, [*run.parameters(), *gradients], run.record())
    numbers = range(subject.steps, subject.steps + subject.after)
    return start, numbers, results(start, numbers)


def _stepped(start: Start, numbers: range, right: StateDict) -> Iterator[tuple[str, str, Tensor]]:
    """The faults of the last step: their names, the parameter, and what becomes of it."""
    there, gradients = dict([*start.given, *right]), dict(start.given)
    for number in range(sum(group.parameters for group in start.case.groups)):
        if f"gradient.{numbers[-1]}.{number}" in gradients:
            name = f"step.{numbers[-1]}.parameter.{number}"
            before = f"step.{numbers[-2]}.parameter.{number}" if len(numbers) > 1 else f"parameter.{number}"
            for fault, make_wrong in STEPS.items():
                if there[name].numel:
                    values = make_wrong(as_float64(there[before]), as_float64(there[name]))
                    yield fault, name, _with(there[name], values)


def _states(right: StateDict) -> Iterator[tuple[str, str, Tensor]]:
    """The faults of the states after the last step."""
    for name, tensor in right:
        if name.startswith("state.") and not name.endswith(".step") and as_float64(tensor).any():
            yield "the complement", name, poison(tensor)
            factor = FACTORS["f32" if name.endswith(IN_FLOAT32) else tensor.dtype.name]
            yield f"times {factor}", name, _with(tensor, factor * as_float64(tensor))


def _with(tensor: Tensor, values: Numbers) -> Tensor:
    """The tensor with these numbers, rounded to its dtype."""
    return tensor._replace(data=values.astype(tensor.dtype.scalar).view(np.uint8))


def _alike(results: StateDict, name: str) -> StateDict:
    """What is compared together with this result."""
    part = name.partition(".")[0]
    return [entry for entry in results if entry.name.partition(".")[0] == part and not entry.name.endswith(".step")]
