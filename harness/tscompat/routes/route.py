"""What a route is, and what its two functions are given. May import catalogue, peer, upstream, verdict, tensors."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case, Load
from tscompat.dotnet_side.process import CALL_SECONDS, PeerKeeper
from tscompat.python_side.scripts import Script
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Verdict

PYTHON_TO_DOTNET = "python-to-dotnet"
DOTNET_TO_PYTHON = "dotnet-to-python"
MUCH_GARBAGE = 64 << 20
"""Bytes of a case for which Python collects its garbage, before .NET takes as much and after the journey: torch's
scripts and exceptions are cycles."""
SLOWEST = 10e6
"""Bytes a second that a large case may take at the least; PyBridge deflates some 50e6 here."""


@dataclass
class Job:
    """One case on one route in one direction: what a route's function works with."""

    case: Case
    route: str
    writer_device: str
    reader_device: str
    entries: StateDict
    """The case's own bits."""
    expected_file: Path
    """A file with these bits in the oracle's encoding, shared by all jobs of the case; nobody writes to it."""
    artifact: Path
    """Where the writer writes; a fresh name for each job."""
    peer: PeerKeeper
    script: Script | None = None
    """The script of upstream's that the route needs."""
    dotnet_seconds: float = field(default=0.0)
    """Time inside .NET, as the peer measured it."""

    @property
    def inputs(self) -> Path:
        """Where the inputs of a forward pass stand, or what a training is given."""
        return self.artifact.with_suffix(".inputs")

    def ask(
        self,
        call: str,
        device: str,
        *,
        layout: str = "contiguous",
        reverse: bool = False,
        train: bool = False,
        training: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Have the peer do its part of this job. What .NET throws comes back as ``error``."""
        case, model = self.case, self.case.model
        if case.nbytes > MUCH_GARBAGE:
            gc.collect()
        answer = self.peer.call(
            call,
            CALL_SECONDS + self.expected_file.stat().st_size / SLOWEST,
            overload=self.route,
            expected_file=str(self.expected_file),
            artifact=str(self.artifact),
            inputs=str(self.inputs),
            model=None if model is None else [model.kind, model.dotnet, case.dtype],
            train=train,
            probe="" if case.guarantee is None else case.guarantee.probe,
            scenario=None if case.scenario is None else _told(case.scenario),
            buffers=[number for number, spec in enumerate(case.tensors) if spec.buffer],
            tied={spec.name: spec.tied_to for spec in case.tensors if spec.tied_to and case.model is None},
            layout=layout,
            reverse=reverse,
            nested=case.nested,
            device=device,
            scale=case.quantizer.scale,
            zero_point=case.quantizer.zero_point,
            training=training,
            identity=is_identity(case),
        )
        self.dotnet_seconds += answer["seconds"]
        return answer


def _told(scenario: Load) -> dict[str, Any]:
    """What the peer has to know of a scenario; the file itself it gets as the artifact."""
    known = asdict(scenario)
    return {key: known[key] for key in ("transient", "strict", "skip", "overload", "report")}


Carry = Callable[[Job], Mapping[str, Verdict]]
"""Carries the job's state dict and gives a verdict for every check that the route makes of it."""


@dataclass(frozen=True)
class Route:
    """A overload and an overload of it, as data, with a function for each direction."""

    name: str
    why: str
    directions: Mapping[str, Carry]
    checks: Callable[[Case, str], tuple[str, ...]]
    """The names of the checks of a case in a direction, in the order in which a person wants to read them."""
    script: str = ""
    """The script of upstream's that it needs (upstream.FUNCTIONS); empty without one."""


@functools.cache
def is_identity(case: Case) -> bool:
    """Whether all elements tell their tensor and index."""
    return bool(case.tensors) and all(spec.fill == "identity" for spec in case.tensors)
