"""The routes of upstream's own scripts: exportsd.py writes for TorchSharp, importsd.py reads what TorchSharp saves.

May import values, catalogue, python_side. A person gives the paths to the scripts; the verdicts of a script without a
path are ``not-run``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case, Model, Tensors
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script, ScriptRaised
from tscompat.values.verdict import PASS, Kind, Verdict

from . import dotnet_half, judging
from .formats import STATE_DICT, TENSOR, DatFormat
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer

EXPORTED = ("bytes", "bits")
IMPORTED = ("bits", "order")
Write = Callable[[Script, Path, Mapping[str, Any]], None]
"""Has the script write torch's tensors, by name, to a file."""


def write_state_dict(script: Script, path: Path, state: Mapping[str, Any]) -> None:
    """Have exportsd.py write a state dict. Raises ScriptRaised."""
    with path.open("wb") as stream:
        script.call("save_state_dict", state, stream)


def write_tensor(script: Script, path: Path, state: Mapping[str, Any]) -> None:
    """Have exportsd.py write the only tensor of a state dict. Raises ScriptRaised."""
    (tensor,) = state.values()
    script.call("write_tensor", tensor, str(path))


def read_state_dict(script: Script, path: Path) -> Mapping[str, Any]:
    """Have importsd.py read a state dict. Raises ScriptRaised."""
    with path.open("rb") as stream:
        return script.call("load_state_dict", stream)


def exported(write: Write, form: DatFormat, job: Job[Tensors | Model]) -> Transfer:
    """exportsd.py writes a file, which is compared with the oracle's bytes; TorchSharp loads it."""
    state = torch_tensors.on(job.writer_device, native.state(job.subject, job.entries))
    try:
        write(script_of(job), job.artifact, state)
    except ScriptRaised as raised:
        return Transfer(dict.fromkeys(EXPORTED, refused(raised, job)), job.artifact)
    written = judging.as_encoded(form, job, job.artifact)
    reverse = isinstance(job.subject, Tensors) and job.subject.target_reversed
    into = None if form.single else dotnet_half.module(job, reverse=reverse)
    answer = dotnet_half.load(job, into, lax=written is PASS)
    return Transfer({"bytes": written, "bits": judging.arrived(answer, job)["bits"]}, job.artifact)


def imported(job: Job[Tensors | Model]) -> Transfer:
    """TorchSharp saves a file; importsd.py reads it."""
    subject = job.subject
    layout = subject.source_layout if isinstance(subject, Tensors) else "contiguous"
    answer = dotnet_half.save(job, dotnet_half.module(job), layout=layout)
    if judging.failed(answer):
        return Transfer(dict.fromkeys(IMPORTED, judging.failure(answer, job)), job.artifact)
    try:
        state = read_state_dict(script_of(job), job.artifact)
    except ScriptRaised as raised:
        return Transfer(dict.fromkeys(IMPORTED, refused(raised, job)), job.artifact)
    entries = torch_tensors.export(torch_tensors.on(job.reader_device, state))
    verdicts = {
        "bits": judging.held(entries, job),
        "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
    }
    return Transfer(verdicts, job.artifact)


def script_of(job: Job[Any]) -> Script:
    """The job's script. Raises ValueError for a job without a script."""
    if job.script is None:
        raise ValueError(f"{job.case.id}: the route needs a script, and the job has none")
    return job.script


def refused(raised: ScriptRaised, job: Job[Any]) -> Verdict:
    """The verdict of an exception that a script raised."""
    return Verdict(Kind.REFUSED, judging.without_paths(str(raised), job))


def _checks(checks: tuple[str, ...], case: Case, subject: Tensors | Model, direction: str) -> tuple[str, ...]:
    """The checks of a case. Full-only cases have none: they would find no more about a script."""
    return () if case.run == "full" or (isinstance(subject, Model) and subject.only) else checks


ROUTES = (
    Route(
        name="exportsd",
        why="save_state_dict of upstream's exportsd.py, Module.load(path); takes --exportsd",
        subjects=(Tensors, Model),
        overload="module-path",
        directions={PYTHON_TO_DOTNET: partial(exported, write_state_dict, STATE_DICT)},
        checks=partial(_checks, EXPORTED),
        script="exportsd",
    ),
    Route(
        name="exportsd-tensor",
        why="write_tensor of upstream's exportsd.py, Tensor.Load(path); takes --exportsd",
        subjects=(Tensors, Model),
        overload="tensor-path",
        directions={PYTHON_TO_DOTNET: partial(exported, write_tensor, TENSOR)},
        checks=partial(_checks, EXPORTED),
        script="exportsd",
    ),
    Route(
        name="importsd",
        why="Module.save(path), load_state_dict of upstream's importsd.py; takes --importsd",
        subjects=(Tensors, Model),
        overload="module-path",
        directions={DOTNET_TO_PYTHON: imported},
        checks=partial(_checks, IMPORTED),
        script="importsd",
    ),
)
