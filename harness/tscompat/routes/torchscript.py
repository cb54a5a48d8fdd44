"""The routes of TorchScript: modules by torch.jit, single tensors by torch.save and torch.load.

May import every room above it in ARCHITECTURE.md's table. Upstream: JIT/ScriptModule.cs, Tensor/torch.Serialization.cs.
TorchSharp cannot make a script. To test saving, Python writes a script with the complement of the case's bits;
TorchSharp loads it, the peer writes the case's bits into its memory, and TorchSharp saves it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tscompat.catalogue import Case, Model, Tensors, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .formats import UNREADABLE
from .forward import agrees
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer


def python_to_dotnet(job: Job[Tensors | Model]) -> Transfer:
    """Python writes a script with torch.jit.save; TorchSharp loads it and, for a model, runs it."""
    given = _inputs(job)
    try:
        programs.save_script(job.artifact, job.subject, job.entries, given, job.writer_device)
    except UNREADABLE as error:
        return _unwritable(error, job)
    verdicts = judging.arrived(dotnet_half.load(job, None), job)
    if isinstance(job.subject, Model):
        verdicts["forward"] = _forward(job, job.subject, given)
    return Transfer(verdicts, job.artifact)


def _forward(job: Job[Tensors | Model], model: Model, given: StateDict) -> Verdict:
    write_whole(job.inputs, encode_state_dict(given))
    answer = job.ask(
        messages.RunProgram(
            overload=job.overload,
            artifact=str(job.artifact),
            inputs=str(job.inputs),
            outputs=str(job.outputs),
            placement=dotnet_half.placement(job, job.reader_device),
        )
    )
    if judging.failed(answer):
        return judging.failure(answer, job)
    return agrees(model, job.entries, given, read_state_dict(job.outputs), model.dtype)


def dotnet_to_python(job: Job[Tensors | Model]) -> Transfer:
    """TorchSharp saves a script; Python loads it with torch.jit.load and, for a model, runs it."""
    subject, given = job.subject, _inputs(job)
    other = [Entry(name, torch_tensors.poison(tensor)) for name, tensor in job.entries]
    try:
        programs.save_script(job.artifact, subject, other, given)
    except UNREADABLE as error:
        return _unwritable(error, job)
    answer = dotnet_half.save(job, None)
    if judging.failed(answer):
        return _all(judging.failure(answer, job), job)
    try:
        script = programs.load_script(job.artifact)
        state = torch_tensors.on(job.reader_device, script.state_dict())
        entries, quantizer = torch_tensors.export(state), torch_tensors.quantizer(state)
    except UNREADABLE as error:
        return _all(judging.unreadable(error, job), job)
    buffers = {name: True for name, _ in script.named_buffers()}
    roles = judging.roles(job, buffers | {name: False for name, _ in script.named_parameters()})
    bits = judging.held(entries, job)
    verdicts = {
        "bits": bits if bits.kind is not Kind.PASS else roles,
        "quantizer": judging.quantizer(quantizer, job),
    }
    if isinstance(subject, Model):
        outputs = native.forward(script, subject, given, subject.dtype)
        verdicts["forward"] = agrees(subject, job.entries, given, outputs, subject.dtype)
    return Transfer(verdicts, job.artifact)


def _unwritable(error: Exception, job: Job[Tensors | Model]) -> Transfer:
    """The verdicts where torch.jit refuses the script."""
    return _all(Verdict(Kind.REFUSED, f"Python's writer: {judging.raised(error, job)}"), job)


def _all(verdict: Verdict, job: Job[Tensors | Model]) -> Transfer:
    return Transfer(dict.fromkeys(("bits", "forward", "quantizer"), verdict), job.artifact)


def _inputs(job: Job[Tensors | Model]) -> StateDict:
    return make_inputs(job.case.id, job.subject) if isinstance(job.subject, Model) else []


def tensor_to_dotnet(write: Callable[[Path, Tensor], None], job: Job[Tensors]) -> Transfer:
    """Python writes one tensor; TorchSharp loads it with its torch.load."""
    write(job.artifact, job.entries[0].tensor)
    return Transfer({"bits": judging.arrived(dotnet_half.load(job, None), job)["bits"]}, job.artifact)


def tensor_to_python(read: Callable[[Path], Tensor], job: Job[Tensors]) -> Transfer:
    """TorchSharp saves one tensor with its torch.save; Python reads it."""
    answer = dotnet_half.save(job, None)
    if judging.failed(answer):
        return Transfer({"bits": judging.failure(answer, job)}, job.artifact)
    try:
        entries: StateDict = [Entry(job.entries[0].name, read(job.artifact))]
    except UNREADABLE as error:
        return Transfer({"bits": judging.unreadable(error, job)}, job.artifact)
    return Transfer({"bits": judging.held(entries, job)}, job.artifact)


def _checks(case: Case, subject: Tensors | Model, direction: str) -> tuple[str, ...]:
    if isinstance(subject, Model):
        return ("bits", "forward") if subject.inputs else ()  # without inputs there is nothing to trace
    if direction == DOTNET_TO_PYTHON and subject.layout != "contiguous":
        return ()  # Python wrote the script that .NET saves
    return ("bits", *judging.asked(case, direction))


def _tensor_checks(case: Case, subject: Tensors, direction: str) -> tuple[str, ...]:
    return ("bits",)


def _parameter(path: Path) -> Tensor:
    """The one parameter of a script."""
    return torch_tensors.from_torch(next(programs.load_script(path).parameters()))


MODULES = tuple(
    Route(
        name=name,
        why=why,
        subjects=(Tensors, Model),
        overload=overload,
        directions={PYTHON_TO_DOTNET: python_to_dotnet, DOTNET_TO_PYTHON: dotnet_to_python},
        checks=_checks,
    )
    for name, overload, why in (
        ("torchscript", "script-path", "torch.jit.save(module, path), torch.jit.load(path)"),
        ("torchscript-bytes", "script-bytes", "torch.jit.save(module, byte[]), torch.jit.load(byte[])"),
    )
)
SINGLE_TENSORS = tuple(
    Route(
        name=name,
        why=why,
        subjects=(Tensors,),
        overload="archive",
        directions={
            PYTHON_TO_DOTNET: partial(tensor_to_dotnet, write),
            DOTNET_TO_PYTHON: partial(tensor_to_python, read),
        },
        checks=_tensor_checks,
    )
    for name, why, write, read in (
        (
            "torch-save",
            "torch.save(Tensor, path), torch.load(path): by their names PyTorch's own",
            programs.save_pickle,
            programs.load_pickle,
        ),
        (
            "torch-save-script",
            "torch.save(Tensor, path), torch.load(path): a script in Python",
            programs.save_archive,
            _parameter,
        ),
    )
)
ROUTES = (*MODULES, *SINGLE_TENSORS)
