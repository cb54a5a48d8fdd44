"""Which cases are measured, and how each is: what a process of the session's pool runs."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from tscompat.catalogue import Model, OptimizerCase, load_catalogue
from tscompat.routes import verdict_ids

from . import models, steps
from .measured import Measured


@functools.cache
def checks() -> Mapping[str, frozenset[str]]:
    """The checks of the cases whose checks compare what is computed, by the cases' ids."""
    by_case: dict[str, set[str]] = {}
    cases = load_catalogue()
    for each in verdict_ids(cases):
        by_case.setdefault(each.case, set()).add(each.check)
    return {
        case_id: frozenset(found)
        for case_id, found in by_case.items()
        if isinstance(cases[case_id].subject, OptimizerCase) or "forward" in found
    }


def measure(case_id: str) -> Measured:
    """Measure one case."""
    case = load_catalogue()[case_id]
    return models.measure(case, checks()[case_id]) if isinstance(case.subject, Model) else steps.measure(case)


def is_short(case_id: str) -> bool:
    """Whether a case takes less than a second. The others come first, so that no process idles at the end."""
    subject = load_catalogue()[case_id].subject
    return not isinstance(subject, Model) or subject.kind == "layer"
