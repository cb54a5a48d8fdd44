"""Estimates how long a case takes, to begin with the long ones: then no worker idles at the end.

May import values, catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from tscompat.catalogue import Case, Model
from tscompat.values.verdict import VerdictId

BYTES_A_SECOND = 500e6
"""The speed of a transfer, roughly."""
SECONDS = {
    "export-aoti": 6.0,
}
"""The time of a transfer, roughly, by routes that are slow for any case: AOTInductor compiles C++."""
ARCHITECTURE_SECONDS = 2.0
"""The time of a transfer of an architecture: up to some seconds. Its size is known only once it is built."""


def long_cases_first(cases: Mapping[str, Case], ids: Iterable[VerdictId]) -> list[VerdictId]:
    """The ids with those of the longest cases first. Cases that take less than a second keep their order."""
    by_case = [(cases[name], list(each)) for name, each in groupby(ids, key=lambda each: each.case)]
    by_case.sort(key=lambda pair: -int(_seconds(*pair)))
    return [each for _, own in by_case for each in own]


def _seconds(case: Case, ids: Iterable[VerdictId]) -> float:
    subject = case.subject
    if isinstance(subject, Model):
        each = ARCHITECTURE_SECONDS if subject.kind == "arch" else 0.0
    else:
        each = sum(spec.nbytes for spec in subject.specs) / BYTES_A_SECOND
    transfers = {verdict_id[:3] for verdict_id in ids}
    return sum(SECONDS.get(route, 0.0) + each for route, _, _ in transfers)
