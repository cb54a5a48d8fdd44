"""Selects, from the options of a run, the verdicts that it decides, in order, and those that cannot be decided here.

May import values, catalogue, python_side, routes, results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from tscompat.catalogue import Case, load_catalogue
from tscompat.python_side.scripts import FUNCTIONS
from tscompat.results.file import Part
from tscompat.routes import ROUTES, verdict_ids
from tscompat.values.verdict import VerdictId

from .cost import long_cases_first
from .keyword import keyword, nearest
from .setting import RUNS
from .shards import Shard
from .worker import why_not


@dataclass(frozen=True)
class Selection:
    """The verdicts that a run's options select."""

    ids: Sequence[VerdictId]
    """The verdicts to decide: those of a case follow each other, long cases come first."""
    not_run: Mapping[VerdictId, str]
    """Those that cannot be decided on this machine, each with the reason."""
    part: Part | None = None
    """Of which run this is a shard."""


def select(config: pytest.Config, dotnet_device: str | None) -> Selection:
    """Select the verdicts of a run by its options. ``dotnet_device`` is as in ``Setting``.

    Raises pytest.UsageError for an unknown route, a ``-k`` that is no expression, and where nothing is selected.
    """
    expression: str = config.option.keyword
    matches = keyword(expression)
    for unknown in set(config.option.tscompat_route) - ROUTES.keys():
        raise pytest.UsageError(f"unknown route {unknown!r}; there are {', '.join(ROUTES)}")
    cases = load_catalogue()
    run: str = config.option.tscompat_run
    of_run = list(_of_run(config, cases, run))
    given: dict[str, list[str]] = {"route": config.option.tscompat_route, "device": config.option.tscompat_device}
    options = " ".join(f"--{what}={name}" for what, names in given.items() for name in names)
    if not of_run:
        words = f"no case of a {run} run has a verdict of {options}"
        raise pytest.UsageError(f"nothing is selected: {words}")
    selected = [each for each in of_run if matches(str(each))]
    if not selected:
        by = f"by -k {expression!r}" + (f" of what {options} leaves" if options else "")
        for other in RUNS:
            if count := sum(matches(str(each)) for each in _of_run(config, cases, other)):
                option = f"leave out --{run}" if other == "default" else f"add --{other}"
                words = f"a {other} run has {count} that match: {option}"
                raise pytest.UsageError(f"nothing is selected {by}; {words}")
        near = nearest(expression, list(map(str, of_run)))
        raise pytest.UsageError("\n  ".join([f"nothing is selected {by}; the nearest ids are", *near]))
    part = None
    if config.option.tscompat_shard:
        shard = Shard.parse(config.option.tscompat_shard)
        part, mine = shard.part(selected), shard.cases(cases)
        selected = [each for each in selected if each.case in mine]
    scripts = [name for name in FUNCTIONS if config.getoption(f"tscompat_{name}")]
    reasons = {each: why_not(each, cases[each.case], scripts, dotnet_device) for each in selected}
    return Selection(
        ids=long_cases_first(each for each, reason in reasons.items() if reason is None),
        not_run={each: reason for each, reason in reasons.items() if reason is not None},
        part=part,
    )


def _of_run(config: pytest.Config, cases: Mapping[str, Case], run: str) -> Iterator[VerdictId]:
    """The verdicts of a kind of run that all options but ``-k`` select."""
    routes: list[str] = config.option.tscompat_route
    devices: list[str] = config.option.tscompat_device
    for verdict_id in ids_of_run(cases, run):
        if (not routes or verdict_id.route in routes) and (not devices or verdict_id.device in devices):
            yield verdict_id


def ids_of_run(cases: Mapping[str, Case], run: str) -> Iterator[VerdictId]:
    """All verdicts of a kind of run (``RUNS``)."""
    taken = {name: case for name, case in cases.items() if case.run in RUNS[run]}
    for verdict_id in verdict_ids(taken):
        if run != "default" or verdict_id.route not in taken[verdict_id.case].full_routes:
            yield verdict_id
