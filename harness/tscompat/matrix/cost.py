"""How long a case takes, as far as that is known beforehand: long ones come first, so that no worker idles at the end.

May import catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from tscompat.catalogue import Case
from tscompat.values.verdict import VerdictId

BYTES_A_SECOND = 500e6
"""Of a transfer, roughly."""
SECONDS = {
    "export-aoti": 6.0,
}
"""Of a transfer by a route that is slow for any case, roughly: a C++ compilation."""


def long_cases_first(cases: Mapping[str, Case], ids: Iterable[VerdictId]) -> list[VerdictId]:
    """The ids with those of the longest cases first. Cases that take less than a second keep their order."""
    by_case = [(cases[name], list(each)) for name, each in groupby(ids, key=lambda each: each.case)]
    by_case.sort(key=lambda pair: -int(_seconds(*pair)))
    return [each for _, own in by_case for each in own]


def _seconds(case: Case, ids: Iterable[VerdictId]) -> float:
    transfers = {each[:3] for each in ids}
    return sum(SECONDS.get(route, 0.0) + case.nbytes / BYTES_A_SECOND for route, _, _ in transfers)
