"""The overloads between Python and .NET, one file each. May import everything above it in ARCHITECTURE.md's table.

``ROUTES`` is the table of all of them; ``verdict_ids`` says what a full run decides, from the repository alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tscompat.catalogue import Case
from tscompat.values.verdict import VerdictId

from . import dat, export, guarantee, load, model, optim, optim_python, pybridge, scripts, torchscript
from .route import Job, Route

ROUTES: Mapping[str, Route] = {
    route.name: route
    for overload in (dat, model, load, guarantee, optim, optim_python, scripts, pybridge, torchscript, export)
    for route in overload.ROUTES
}

__all__ = ["ROUTES", "Job", "Route", "verdict_ids"]


def verdict_ids(cases: Mapping[str, Case]) -> Iterator[VerdictId]:
    """All ids, case by case, so that a worker makes a case's bits once for all its routes."""
    for case in cases.values():
        for name in case.routes:
            route = ROUTES[name]
            for direction in route.directions:
                for device in case.devices:
                    for check in route.checks(case, direction):
                        yield VerdictId(name, direction, device, case.id, check)
