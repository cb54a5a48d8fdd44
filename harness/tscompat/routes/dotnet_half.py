"""The .NET half of a transfer: has the peer save or load a case. May import catalogue, dotnet_side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tscompat.catalogue import Load, Model, Tensors
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.client import NotAsked
from tscompat.dotnet_side.messages import Bag, Module, NativeModule, Placement, Thrown

from .route import Job, is_identity


def save(job: Job[Any], what: Module | None, *, layout: str = "contiguous") -> messages.Done | Thrown | NotAsked:
    """Have .NET save the case by the route's overload. ``what`` is None for a single tensor and for a script."""
    call = messages.Save(
        overload=job.overload,
        expected=str(job.expected_file),
        artifact=str(job.artifact),
        module=what,
        placement=placement(job, job.writer_device, layout),
        flip=None,
    )
    return job.ask(call)


def load(
    job: Job[Any], into: Module | None, *, artifact: Path | None = None, layout: str = "contiguous"
) -> messages.Loaded | Thrown | NotAsked:
    """Have .NET load ``artifact``, by default the job's, by the route's overload.

    ``into`` is the module to load into; None for a single tensor and for a script.
    """
    call = messages.Load(
        overload=job.overload,
        expected=str(job.expected_file),
        artifact=str(artifact or job.artifact),
        module=into,
        placement=placement(job, job.reader_device, layout),
        identity=is_identity(job.specs),
    )
    return job.ask(call)


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
    )


def placement(job: Job[Any], device: str, layout: str = "contiguous") -> Placement:
    """How .NET makes the case's tensors."""
    scale, zero_point = job.subject.quantizer if isinstance(job.subject, Tensors) else (1.0, 0)
    return Placement(device=device, layout=layout, scale=scale, zero_point=zero_point)
