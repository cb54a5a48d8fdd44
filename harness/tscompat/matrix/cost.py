"""How long a case takes, as far as that is known beforehand: long ones come first, so that no worker idles at the end.

May import values, catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from tscompat.catalogue import Case, Model
from tscompat.values.verdict import VerdictId

BYTES_A_SECOND = 500e6
"""Of a transfer, roughly."""
SECONDS = {
    "export-aoti": 6.0,
}
"""Of a transfer by a route that is slow for any case, roughly: a C++ compilation."""
ARCHITECTURE_SECONDS = 2.0
"""Of a transfer of an architecture, whose size is not known before it is built: up to some seconds."""


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
