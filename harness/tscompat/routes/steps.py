"""Judges what an optimizer's steps have led to in torch and in .NET. May import values, python_side."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from functools import partial

from tscompat.python_side.agreement import agree
from tscompat.python_side.optimizer_run import Start, reference, results
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from .predictions import STEPS


class Steps:
    """Judges what some steps have led to in torch and in .NET."""

    def __init__(self, start: Start, faulty: Start, numbers: Sequence[int]) -> None:
        """``faulty`` is where the counterpart with TorchSharp's faults starts: at what .NET held."""
        self._references = functools.cache(partial(reference, start, numbers))
        self._faulty_references = functools.cache(partial(reference, faulty, numbers))
        self._faulty = functools.cache(partial(results, faulty, numbers))

    def judge(self, ours: StateDict, theirs: StateDict) -> Verdict:
        """Whether both agree within rounding; and if not, whether theirs are the results of TorchSharp's faults."""
        verdict = agree(ours, theirs, self._references, "after steps,")
        return verdict.comparing(lambda predicts: [*predicts] == [STEPS] and self._predicted(ours, theirs))

    def _predicted(self, ours: StateDict, theirs: StateDict) -> bool:
        compared = {_check_of(name) for name, _ in (*ours, *theirs)}
        made = [entry for entry in self._faulty() if _check_of(entry.name) in compared]
        return agree(made, theirs, self._faulty_references, "").kind is Kind.PASS


def _check_of(name: str) -> str:
    """What compares a result of this name: ``count``, or the first part of the name."""
    return "count" if name.endswith(".step") else name.partition(".")[0]
