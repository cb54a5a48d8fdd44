"""Python in .NET's place: faults of an optimizer's steps. Which of them do the checks see?

Each concerns one parameter or one state tensor, in the last step that is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import Case, OptimizerCase, make
from tscompat.python_side.agreement import within_rounding
from tscompat.python_side.optimizer_run import OptimizerRun, Start, reference, results
from tscompat.python_side.torch_tensors import poison
from tscompat.routes.steps import Steps
from tscompat.values.tensors import Entry, StateDict, Tensor, as_float64
from tscompat.values.verdict import Kind

from .measured import FACTORS, SEEDS, SETTINGS, Fault, Measured, Reached, computing, part_of

Numbers = NDArray[np.float64]
IN_FLOAT32 = (".eta", ".mu", ".mu_product")
"""The states that torch keeps in float32 whatever the dtype."""
STEPS: Mapping[str, Callable[[Numbers, Numbers], Numbers]] = {
    "no step": lambda before, after: before,
    "half a step": lambda before, after: (before + after) / 2,
    "the reversed step": lambda before, after: 2 * before - after,
}
"""What a faulty step makes of a parameter."""


def measure(case: Case) -> Measured:
    """Put in each fault, and compute without a fault in each setting from the numbers of each seed."""
    return Measured(case.id, faults=tuple(seen(case)), reached=tuple(reached(case, SEEDS)))


def seen(case: Case) -> Iterator[Fault]:
    """Each fault in what the optimizer of a case computes after it was loaded."""
    start, numbers = loaded(case)
    right = results(start, numbers)
    judge = Steps(start, start, numbers).judge
    for fault, number, wrong in (*_stepped(start, numbers, right), *_states(right)):
        compared = _alike(right, number)
        changed = [Entry(name, wrong if name == number else tensor) for name, tensor in compared]
        verdict = judge(compared, changed)
        yield Fault(wrong.dtype.name, fault, number, verdict.kind is not Kind.PASS)


def reached(case: Case, seeds: Sequence[str]) -> Iterator[Reached]:
    """How far Python itself is from float64 in what the checks of the case's steps compare."""
    for seed in seeds:
        start, last = loaded(case, seed)
        first = Start(start.case, make(case.id + seed, start.case.specs))
        for check, begin, numbers in (("first-steps", first, range(start.case.steps)), ("step, state", start, last)):
            if not numbers:
                continue
            references = reference(begin, numbers)
            for setting in SETTINGS:
                with computing(setting):
                    found = [entry for entry in results(begin, numbers) if not entry.name.endswith(".step")]
                verdict = within_rounding(found, found, references, check)
                yield Reached(check, seed, setting, part_of(verdict))


def loaded(case: Case, seed: str = "") -> tuple[Start, range]:
    """Where the steps of a case that are compared after a load start, and their numbers."""
    subject = case.subject
    assert isinstance(subject, OptimizerCase)
    given = make(case.id + seed, subject.specs)
    run = OptimizerRun(subject, given)
    run.steps(range(subject.steps))
    gradients = [entry for entry in given if entry.name.startswith("gradient.")]
    start = Start(subject, [*run.parameters(), *gradients], run.record())
    return start, range(subject.steps, subject.steps + subject.after)


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
            yield "scaled", name, _with(tensor, factor * as_float64(tensor))


def _with(tensor: Tensor, values: Numbers) -> Tensor:
    """The tensor with these numbers, rounded to its dtype."""
    return tensor._replace(data=values.astype(tensor.dtype.scalar).view(np.uint8))


def _alike(results: StateDict, name: str) -> StateDict:
    """What is compared together with this result."""
    part = name.partition(".")[0]
    return [entry for entry in results if entry.name.partition(".")[0] == part and not entry.name.endswith(".step")]
