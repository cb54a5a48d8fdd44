"""How long a case takes, to begin with the long ones: then no worker idles at the end.

May import values, resources, catalogue. cases/durations.json has the seconds of the longest;
``tscompat bless --durations`` writes it from a run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tscompat.catalogue import CatalogueError
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.values.verdict import VerdictId

DURATIONS = "durations.json"
"""The file in ``cases/``: seconds by case, of all routes together, on one core."""
LONG = 0.2
"""Seconds: a case that takes less is not in the file."""
SHORT = 0.05
"""The seconds of a case that is not there, roughly."""


@functools.cache
def _durations() -> dict[str, float]:
    return read_durations(data_folder("cases") / DURATIONS)


def read_durations(path: Path) -> dict[str, float]:
    """The seconds by case. Raises CatalogueError for a file that is not JSON, OSError if it cannot be read."""
    return read_document(path, CatalogueError)


def seconds_of(case_id: str) -> float:
    """The time of a case, roughly."""
    return _durations().get(case_id, SHORT)


def long_cases_first(ids: Iterable[VerdictId]) -> list[VerdictId]:
    """The ids with those of the longest cases first. Cases that take less than a second keep their order."""
    by_case = [(name, list(each)) for name, each in groupby(ids, key=lambda each: each.case)]
    by_case.sort(key=lambda pair: -int(seconds_of(pair[0])))
    return [each for _, own in by_case for each in own]
