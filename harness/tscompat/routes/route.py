"""What a route is, and what its functions get and return. May import values, catalogue, python_side, dotnet_side."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tscompat.catalogue import Case, CatalogueError, Subject, TensorSpec
from tscompat.dotnet_side.client import CALL_SECONDS, Client, NotAsked
from tscompat.dotnet_side.messages import Call, Thrown
from tscompat.python_side.scripts import Script
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Verdict

PYTHON_TO_DOTNET = "python-to-dotnet"
DOTNET_TO_PYTHON = "dotnet-to-python"
MUCH_GARBAGE = 64 << 20
"""Bytes of a case for which Python collects its garbage, before .NET takes as much and after the transfer: torch's
scripts and exceptions are cycles."""
SLOWEST = 10e6
"""Bytes a second that a large case is given at the least; PyBridge deflates some 50e6 on two cores."""

S = TypeVar("S", bound=Subject)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Job(Generic[S]):
    """One case on one route in one direction: what a route's function works with, and does not change."""

    case: Case
    subject: S
    """The case's own."""
    specs: tuple[TensorSpec, ...]
    """The case's tensors, those of a model included."""
    entries: StateDict
    """Their bits."""
    expected_file: Path
    """A file with these bits in the oracle's encoding, shared by all jobs of the case; nobody writes to it."""
    artifact: Path
    """Where the writer writes; a fresh name for each job. Other files of the job begin with it."""
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

    def ask(self, call: Call[Answer]) -> Answer | Thrown | NotAsked:
        """Have the peer do its part, within a time that grows with the case's size."""
        size = sum(spec.nbytes for spec in self.specs)
        if size > MUCH_GARBAGE:
            gc.collect()
        return self.peer.ask(call, CALL_SECONDS + size / SLOWEST)


@dataclass(frozen=True)
class Transfer:
    """What a route's function returns."""

    verdicts: Mapping[str, Verdict]
    """By check."""
    artifact: Path
    """The file or folder that the writer wrote."""


@dataclass(frozen=True)
class Route(Generic[S]):
    """A writer, a reader and a TorchSharp overload, as data, with a function for each direction."""

    name: str
    why: str
    subjects: tuple[type[S], ...]
    """The kinds of subject that it takes."""
    overload: str
    """The overload that the .NET side uses (dotnet_side/inside); empty where it has none."""
    directions: Mapping[str, Callable[[Job[S]], Transfer]]
    checks: Callable[[Case, S, str], tuple[str, ...]]
    """The names of the checks of a case in a direction, in the order in which a person wants to read them."""
    script: str = ""
    """The script of upstream's that it needs (scripts.FUNCTIONS); empty without one."""
    needs_bits: bool = True
    """False if it compares no values: the case's bits and its expected file are not made for it."""

    def checks_of(self, case: Case, direction: str) -> tuple[str, ...]:
        """The checks of a case in a direction. Raises CatalogueError where the route does not take its subject."""
        subject = case.subject
        if not isinstance(subject, self.subjects):
            raise CatalogueError(f"{case.id}: the route {self.name} takes no {type(subject).__name__}")
        return self.checks(case, subject, direction)


@functools.cache
def is_identity(specs: tuple[TensorSpec, ...]) -> bool:
    """Whether each element holds the number of its tensor and its index."""
    return bool(specs) and all(spec.fill == "identity" for spec in specs)
