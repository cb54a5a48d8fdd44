"""What a route is, and what its two functions are given. May import catalogue, peer, verdict, tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case
from tscompat.peer.process import PeerKeeper
from tscompat.tensors import StateDict
from tscompat.verdict import Verdict

PYTHON_TO_DOTNET = "python-to-dotnet"
DOTNET_TO_PYTHON = "dotnet-to-python"


@dataclass
class Job:
    """One case on one route in one direction: what a route's function works with."""

    case: Case
    route: str
    writer_device: str
    reader_device: str
    entries: StateDict
    """The case's own bits."""
    envelope: Path
    """A file with these bits in the oracle's encoding, shared by all jobs of the case; nobody writes to it."""
    artifact: Path
    """Where the writer writes; a fresh name for each job."""
    peer: PeerKeeper
    dotnet_seconds: float = field(default=0.0)
    """Time inside .NET, as the peer measured it."""

    def ask(self, call: str, layout: str, device: str, *, reverse: bool = False) -> dict[str, Any]:
        """Have the peer save or load; its error messages come back without this run's paths."""
        case = self.case
        answer = self.peer.call(
            call,
            road=self.route,
            envelope=str(self.envelope),
            artifact=str(self.artifact),
            buffers=[number for number, spec in enumerate(case.tensors) if spec.buffer],
            layout=layout,
            reverse=reverse,
            nested=case.nested,
            device=device,
            scale=case.quantizer.scale,
            zero_point=case.quantizer.zero_point,
            identity=is_identity(case),
        )
        self.dotnet_seconds += answer["seconds"]
        return answer


Carry = Callable[[Job], Mapping[str, Verdict]]
"""Carries the job's state dict and gives a verdict for every check that the route makes of it."""


@dataclass(frozen=True)
class Route:
    """A road and an overload of it, as data, with a function for each direction."""

    name: str
    why: str
    directions: Mapping[str, Carry]
    checks_by_direction: Mapping[str, tuple[str, ...]]
    checks_by_tag: Mapping[str, tuple[str, ...]]
    """Checks that only cases with this tag get."""

    def checks(self, case: Case, direction: str) -> tuple[str, ...]:
        """The names of the checks, in the order in which a person wants to read them."""
        extra = (check for tag in case.tags for check in self.checks_by_tag.get(tag, ()))
        return (*self.checks_by_direction[direction], *extra)


@functools.cache
def is_identity(case: Case) -> bool:
    """Whether all elements tell their tensor and index."""
    return bool(case.tensors) and all(spec.fill == "identity" for spec in case.tensors)
