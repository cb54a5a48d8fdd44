"""Which cases are measured, and how each is: what a process of the session's pool runs."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from tscompat.catalogue import Model, load_catalogue
from tscompat.routes import verdict_ids
from tscompat.values.verdict import VerdictId

from . import models, steps
from .measured import Measured

COMPUTED = {"forward", "step"}
"""A case that computes has one of these checks."""


@functools.cache
def checks() -> Mapping[str, frozenset[str]]:
    """The checks of each case that has one of what is computed, by the cases' ids."""
    return _checks(verdict_ids(load_catalogue()))


def of_a_default_run() -> list[str]:
    """The cases of which a default run compares what is computed."""
    cases = {case_id: case for case_id, case in load_catalogue().items() if case.run == "default"}
    return [*_checks(each for each in verdict_ids(cases) if each.route not in cases[each.case].full_routes)]


def _checks(verdict_ids: Iterable[VerdictId]) -> Mapping[str, frozenset[str]]:
    by_case: dict[str, set[str]] = {}
    for each in verdict_ids:
        by_case.setdefault(each.case, set()).add(each.check)
    return {name: frozenset(found) for name, found in by_case.items() if not COMPUTED.isdisjoint(found)}


def measure(case_id: str) -> Measured:
    """Measure one case."""
    case = load_catalogue()[case_id]
    return models.measure(case, checks()[case_id]) if isinstance(case.subject, Model) else steps.measure(case)


def is_short(case_id: str) -> bool:
    """Whether a case takes less than a second. The others come first, so that no process idles at the end."""
    subject = load_catalogue()[case_id].subject
    return not isinstance(subject, Model) or subject.kind == "layer"
