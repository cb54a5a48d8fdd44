"""Upstream's own scripts as writer and as reader: exportsd.py to TorchSharp, TorchSharp to importsd.py.

May import torch_side, models, upstream. A person gives the paths to the scripts; without one its routes are not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script, ScriptRaised
from tscompat.values.verdict import Kind, Verdict

from . import dat, judging
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route

EXPORTED = ("bytes", "bits")
IMPORTED = ("bits", "order")
Write = Callable[[Script, Mapping[str, Any], Path], None]
"""Has the script write torch's tensors, by name, to a file."""


def _state_dict(script: Script, state: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as stream:
        script.call("save_state_dict", state, stream)


def _tensor(script: Script, state: Mapping[str, Any], path: Path) -> None:
    (tensor,) = state.values()
    script.call("write_tensor", tensor, str(path))


def exported(write: Write, form: dat.Format, job: Job) -> Mapping[str, Verdict]:
    """Written by exportsd.py, held against the oracle's bytes, loaded by TorchSharp."""
    assert job.script is not None
    try:
        write(job.script, torch_tensors.on(job.writer_device, native.state(job.case, job.entries)), job.artifact)
    except ScriptRaised as raised:
        return dict.fromkeys(EXPORTED, refused(raised, job))
    answer = job.ask("load", job.reader_device, reverse=job.case.target_reversed)
    return {
        "bytes": judging.same_file(form.encode(job.entries), job.artifact),
        "bits": judging.refused(answer, job) or judging.loaded(answer, job),
    }


def imported(job: Job) -> Mapping[str, Verdict]:
    """Saved by TorchSharp, read by importsd.py."""
    assert job.script is not None
    failed = judging.refused(job.ask("save", job.writer_device, layout=job.case.source_layout), job)
    if failed:
        return dict.fromkeys(IMPORTED, failed)
    try:
        with job.artifact.open("rb") as stream:
            state = job.script.call("load_state_dict", stream)
    except ScriptRaised as raised:
        return dict.fromkeys(IMPORTED, refused(raised, job))
    entries = torch_tensors.export(torch_tensors.on(job.reader_device, state))
    return {
        "bits": judging.held(entries, job),
        "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
    }


def refused(raised: ScriptRaised, job: Job) -> Verdict:
    """The verdict of what a script raised."""
    return Verdict(Kind.REFUSED, judging.without_paths(str(raised), job))


def _checks(checks: tuple[str, ...], case: Case, direction: str) -> tuple[str, ...]:
    """The cases of a full run tell nothing more about a script."""
    return () if case.run == "full" or (case.model and case.model.only) else checks


ROUTES = (
    Route(
        name="exportsd",
        why="save_state_dict of upstream's exportsd.py, Module.load(path); takes --exportsd",
        directions={PYTHON_TO_DOTNET: partial(exported, _state_dict, dat.STATE_DICT)},
        checks=partial(_checks, EXPORTED),
        script="exportsd",
    ),
    Route(
        name="exportsd-tensor",
        why="write_tensor of upstream's exportsd.py, Tensor.Load(path); takes --exportsd",
        directions={PYTHON_TO_DOTNET: partial(exported, _tensor, dat.TENSOR)},
        checks=partial(_checks, EXPORTED),
        script="exportsd",
    ),
    Route(
        name="importsd",
        why="Module.save(path), load_state_dict of upstream's importsd.py; takes --importsd",
        directions={DOTNET_TO_PYTHON: imported},
        checks=partial(_checks, IMPORTED),
        script="importsd",
    ),
)
