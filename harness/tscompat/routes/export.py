"""torch.export: a program that TorchSharp can run and nothing else. May import models.

Upstream: Export/ExportedProgram.cs. It shows no parameters: the program gives its state dict beside its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tscompat.catalogue import Case, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.python_side.models import programs
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .model import agrees
from .route import PYTHON_TO_DOTNET, Job, Route

Save = Callable[[Path, Case, StateDict, StateDict], None]


def carry(save: Save, job: Job) -> Mapping[str, Verdict]:
    """Exported in Python, loaded and run by TorchSharp."""
    given = make_inputs(job.case) if job.case.model else []
    write_whole(job.inputs, encode_state_dict(given))
    job.artifact = job.artifact.with_suffix(".pt2")  # torch asks for it
    save(job.artifact, job.case, job.entries, given)
    answer = job.ask("run", job.reader_device)
    refused = judging.refused(answer, job)
    if refused:
        return {"bits": refused, "forward": refused}
    computed, state = programs.told(job.case, read_state_dict(answer["outputs"]))
    verdicts = {"bits": judging.held(state, job)}
    if job.case.model:
        verdicts["forward"] = agrees(job, given, computed)
    return verdicts


def compiled(job: Job) -> Mapping[str, Verdict]:
    """The same as an AOTInductor package, where there is a compiler."""
    reason = programs.cannot_compile()
    if reason:
        return dict.fromkeys(("bits", "forward"), Verdict(Kind.NOT_RUN, reason))
    return carry(programs.save_compiled, job)


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("bits", "forward") if case.model else ("bits",)


ROUTES = (
    Route(
        name="export",
        why="torch.export.save, torch.export.load of TorchSharp",
        directions={PYTHON_TO_DOTNET: partial(carry, programs.save_exported)},
        checks=_checks,
    ),
    Route(
        name="export-aoti",
        why="torch._inductor.aoti_compile_and_package, torch.export.load of TorchSharp",
        directions={PYTHON_TO_DOTNET: compiled},
        checks=_checks,
    ),
)
