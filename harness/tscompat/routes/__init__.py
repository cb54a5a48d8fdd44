"""The routes between Python and .NET, a file for each kind of route.

May import every room above it in ARCHITECTURE.md's table. ``ROUTES`` is the table of all routes; ``verdict_ids`` lists
the verdict ids of cases, which are a function of the repository alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tscompat.catalogue import Case, CatalogueError
from tscompat.values.verdict import VerdictId

from . import (
    dat,
    export,
    forward,
    guarantee,
    hostile,
    load,
    optim,
    optim_python,
    pybridge,
    schema,
    scripts,
    torchscript,
    training,
)
from .route import Job, Route, Transfer

_MODULES = (
    *(dat, schema, forward, training, load, hostile, guarantee, optim, optim_python),
    *(scripts, pybridge, torchscript, export),
)
ROUTES: Mapping[str, Route[Any]] = {route.name: route for module in _MODULES for route in module.ROUTES}

__all__ = ["ROUTES", "Job", "Route", "Transfer", "verdict_ids"]


def verdict_ids(cases: Mapping[str, Case]) -> Iterator[VerdictId]:
    """All verdict ids of these cases, case by case, so that a worker makes a case's bits once for all its routes.

    Raises CatalogueError for a case with an unknown route, or with a route that does not take the case's subject.
    """
    for case in cases.values():
        for name in case.routes:
            if name not in ROUTES:
                raise CatalogueError(f"{case.id}: found the route {name!r}; expected one of {', '.join(ROUTES)}")
            route = ROUTES[name]
            for direction in route.directions:
                for device in route.devices or case.devices:
                    for check in route.checks_of(case, direction):
                        yield VerdictId(name, direction, device, case.id, check)
