"""What a route is, and what its functions get and return. May import values, resources, catalogue, python_side,
dotnet_side.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from tscompat.catalogue import Case, CatalogueError, Subject, TensorSpec
from tscompat.dotnet_side.client import CALL_SECONDS, Client, NotAsked, Violation
from tscompat.dotnet_side.messages import Call, Done, Load, Thrown
from tscompat.python_side.scripts import Script
from tscompat.resources.stamps import stamps
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Verdict

PYTHON_TO_DOTNET = "python-to-dotnet"
DOTNET_TO_PYTHON = "dotnet-to-python"
MUCH_GARBAGE = 64 << 20
"""Bytes. For a larger case Python collects its garbage before each call, because .NET then takes as much memory, and
after the transfer: torch's scripts and exceptions are reference cycles."""
SLOWEST = 10e6
"""Bytes a second: a deadline allows for a load or save as slow as this. PyBridge deflates some 50e6 on two cores."""

NAMED = 3
"""How many changes a sentence names; the others are counted."""

S = TypeVar("S", bound=Subject)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Job(Generic[S]):
    """What a route's function gets, and does not change: one case on one route in one direction."""

    case: Case
    subject: S
    """``case.subject``, with its own type."""
    specs: tuple[TensorSpec, ...]
    """The case's tensors; for a model, the state dict of Python's module."""
    entries: StateDict
    """The case's tensors with their bits. May be empty on a route that needs no bits."""
    expected_file: Path
    """A file with these entries in the oracle's encoding. All jobs of the case share it, and only read it."""
    artifact: Path
    """Where the writer writes. The job's other files have the same name with another suffix."""
    overload: str
    """The overload of TorchSharp or PyBridge that the route names."""
    writer_device: str
    reader_device: str
    peer: Client
    script: Script | None = None
    """The script of upstream's that the route needs."""

    @property
    def inputs(self) -> Path:
        """Where the inputs of a forward pass or of an optimizer go."""
        return self.artifact.with_suffix(".inputs")

    @property
    def outputs(self) -> Path:
        """Where .NET writes what it computes."""
        return self.artifact.with_suffix(".outputs")

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> Answer | Thrown | NotAsked | Violation:
        """Send a call to the peer, with a deadline that grows with the case's size, and return the answer.

        The answer is a Violation if .NET has changed an object or a file that the call must leave as it is. Raises
        PeerDied and PeerBroken as ``Client.ask`` does.
        """
        size = sum(spec.nbytes for spec in self.specs)
        if size > MUCH_GARBAGE:
            gc.collect()
        paths = dict.fromkeys(path for path in map(partial(getattr, call), call.reads) if path)
        before = {path: stamps(Path(path)) for path in paths}
        answer = self.peer.ask(call, seconds + size / SLOWEST)
        loads = isinstance(call, Load)  # what a load changes beside the bits has a check of its own, flags
        changed = answer.changed if isinstance(answer, Done | Thrown) and not loads else ()
        changed += tuple(
            f"the file {Path(path).name}, which it was to read, is {'another' if Path(path).exists() else 'gone'}"
            for path, found in before.items()
            if stamps(Path(path)) != found
        )
        return Violation(_sentence(changed, answer), changed) if changed else answer


def _sentence(changed: Sequence[str], answer: object) -> str:
    """What .NET changed, the first few by name; and what it threw then, if it did."""
    more = f"; and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    thrown = f"; it threw {answer.type_name}: {answer.message}" if isinstance(answer, Thrown) else ""
    return f".NET changed what it must leave as it is: {'; '.join(changed[:NAMED])}{more}{thrown}"


@dataclass(frozen=True)
class Transfer:
    """What a route's function returns."""

    verdicts: Mapping[str, Verdict]
    """The verdict of each check, by name."""
    artifact: Path
    """The file or folder that the writer wrote; of ``forward``, .NET's outputs. It may be missing."""


@dataclass(frozen=True)
class Route(Generic[S]):
    """A way to compare Python and .NET, as data: an overload, checks, and a function for each direction."""

    name: str
    why: str
    subjects: tuple[type[S], ...]
    """The kinds of subject that the route takes."""
    overload: str
    """The overload that the peer uses (dotnet_side/inside); empty if the route needs none."""
    directions: Mapping[str, Callable[[Job[S]], Transfer]]
    checks: Callable[[Case, S, str], tuple[str, ...]]
    """The names of the checks of a case in a direction, in the order of the verdict ids."""
    devices: tuple[str, ...] = ()
    """The devices, where they are not the case's."""
    script: str = ""
    """The script of upstream's that the route needs, a key of python_side.scripts.FUNCTIONS; empty if it needs none."""
    needs_bits: bool = True
    """False if the route compares no values: the case's bits and its expected file are not made for it."""

    def checks_of(self, case: Case, direction: str) -> tuple[str, ...]:
        """The checks of a case in a direction. Raises CatalogueError where the route does not take its subject."""
        subject = case.subject
        if not isinstance(subject, self.subjects):
            raise CatalogueError(f"{case.id}: the route {self.name} takes no {type(subject).__name__}")
        return self.checks(case, subject, direction)


@functools.cache
def is_identity(specs: tuple[TensorSpec, ...]) -> bool:
    """Whether all tensors hold the identity pattern (values/identity.py)."""
    return bool(specs) and all(spec.fill == "identity" for spec in specs)
