"""torch.export: programs that TorchSharp can only run. May import every room above it in ARCHITECTURE.md's table.

Upstream: Export/ExportedProgram.cs, which gives no access to parameters. So the programs here return their state dict
after their outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tscompat.catalogue import Case, Model, Tensors, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.python_side.models import programs
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .forward import agrees
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

Save = Callable[[Path, programs.Program, StateDict, StateDict], None]


def exported(save: Save, job: Job[Tensors | Model]) -> Transfer:
    """Python exports a program; TorchSharp loads and runs it."""
    subject = job.subject
    given = make_inputs(job.case.id, subject) if isinstance(subject, Model) else []
    write_whole(job.inputs, encode_state_dict(given))
    artifact = job.artifact.with_suffix(".pt2")  # AOTInductor requires this suffix
    save(artifact, subject, job.entries, given)
    answer = job.ask(
        messages.RunProgram(
            overload=job.overload,
            artifact=str(artifact),
            inputs=str(job.inputs),
            outputs=str(job.outputs),
            placement=dotnet_half.placement(job, job.reader_device),
        )
    )
    if judging.failed(answer):
        return Transfer(dict.fromkeys(("bits", "forward"), judging.failure(answer, job)), artifact)
    computed, state = programs.outputs_and_state(job.specs, read_state_dict(job.outputs))
    verdicts = {"bits": judging.held(state, job)}
    if isinstance(subject, Model):
        verdicts["forward"] = agrees(subject, job.entries, given, computed, subject.dtype)
    return Transfer(verdicts, artifact)


def compiled(job: Job[Tensors | Model]) -> Transfer:
    """As ``exported``, with an AOTInductor package; ``not-run`` where AOTInductor cannot compile."""
    reason = programs.cannot_compile()
    if reason:
        return Transfer(dict.fromkeys(("bits", "forward"), Verdict(Kind.NOT_RUN, reason)), job.artifact)
    return exported(programs.save_compiled, job)


def _checks(case: Case, subject: Tensors | Model, direction: str) -> tuple[str, ...]:
    return ("bits", "forward") if isinstance(subject, Model) else ("bits",)


ROUTES = (
    Route(
        name="export",
        why="torch.export.save, torch.export.load of TorchSharp",
        subjects=(Tensors, Model),
        overload="exported-program",
        directions={PYTHON_TO_DOTNET: partial(exported, programs.save_exported)},
        checks=_checks,
    ),
    Route(
        name="export-aoti",
        why="torch._inductor.aoti_compile_and_package, torch.export.load of TorchSharp",
        subjects=(Tensors, Model),
        overload="exported-program",
        directions={PYTHON_TO_DOTNET: compiled},
        checks=_checks,
    ),
)
