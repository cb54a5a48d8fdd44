"""The .NET half of a transfer: has the peer save or load a case. May import catalogue, dotnet_side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tscompat.catalogue import Load, Model, Tensors
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.client import NotAsked, Violation
from tscompat.dotnet_side.messages import Bag, Module, NativeModule, Placement, Thrown

from .route import Job, is_identity


def save(
    job: Job[Any], what: Module | None, *, layout: str = "contiguous"
) -> messages.Done | Thrown | NotAsked | Violation:
    """Have .NET save the case by the route's overload. ``what`` is None for a single tensor and for a script."""
    call = messages.Save(
        overload=job.overload,
        expected=str(job.expected_file),
        artifact=str(job.artifact),
        module=what,
        placement=placement(job, job.writer_device, layout),
        flip=None,
    )
    answer = job.ask(call)
    if isinstance(answer, messages.Done) and not job.artifact.exists():
        return Violation("the save wrote no file")
    return answer


@dataclass(frozen=True)
class RefusedLoad:
    """A load that TorchSharp refuses because the names in the file are not those of the module."""

    thrown: Thrown
    lax: messages.Loaded | Thrown
    """What the same load into a new module gives where it is not strict."""


OTHER_NAMES = "Mismatched state_dict sizes|Mismatched module state names|is not identical to the target dictionary"
"""A regular expression: the messages with which a strict load of TorchSharp or PyBridge refuses the names in a file."""


def load(
    job: Job[Any], into: Module | None, *, artifact: Path | None = None, layout: str = "contiguous", lax: bool = True
) -> messages.Loaded | Thrown | NotAsked | Violation | RefusedLoad:
    """Have .NET load ``artifact``, by default the job's, by the route's overload.

    ``into`` is the module to load into; None for a single tensor and for a script. If TorchSharp refuses the names in
    the file and ``lax`` is true, it loads the file once more, without ``strict`` and into a new module, so that the
    entries that both have are compared. ``lax`` is false for a damaged file: without ``strict`` TorchSharp takes any
    bytes for an element type, which can end the process.
    """
    call = messages.Load(
        overload=job.overload,
        expected=str(job.expected_file),
        artifact=str(artifact or job.artifact),
        module=into,
        placement=placement(job, job.reader_device, layout),
        identity=is_identity(job.specs),
        strict=True,
    )
    answer = job.ask(call)
    if lax and isinstance(answer, Thrown) and re.search(OTHER_NAMES, answer.message):
        again = job.ask(msgspec.structs.replace(call, strict=False))
        if isinstance(again, Violation):
            return again
        return answer if isinstance(again, NotAsked) else RefusedLoad(answer, again)
    return answer


def module(job: Job[Any], *, reverse: bool = False) -> Module:
    """The description of the module that .NET builds for the case."""
    subject = job.subject
    return native(subject) if isinstance(subject, Model) else bag(job, reverse=reverse)


def native(model: Model) -> NativeModule:
    """The description of a module that both sides build."""
    return NativeModule(model.kind, model.dotnet, model.dtype.name)


def bag(job: Job[Any], *, reverse: bool = False) -> Bag:
    """The description of a module that has the case's tensors and nothing else."""
    subject = job.subject
    return Bag(
        buffers=tuple(number for number, spec in enumerate(job.specs) if spec.buffer),
        tied={spec.name: spec.tied_to for spec in job.specs if spec.tied_to},
        transient=subject.transient if isinstance(subject, Load) else (),
        nested=subject.nested if isinstance(subject, Tensors | Load) else False,
        reversed=reverse,
        varied="flags" in job.case.checks,
    )


def placement(job: Job[Any], device: str, layout: str = "contiguous") -> Placement:
    """How .NET makes the case's tensors."""
    scale, zero_point = job.subject.quantizer if isinstance(job.subject, Tensors) else (1.0, 0)
    return Placement(device=device, layout=layout, scale=scale, zero_point=zero_point)
