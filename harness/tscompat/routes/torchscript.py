"""TorchScript: modules by torch.jit, single tensors by torch.save and torch.load. May import models, torch_side.

Upstream: JIT/ScriptModule.cs, Tensor/torch.Serialization.cs. TorchSharp makes no script of its own: to save, it loads
one that Python wrote with other bits, is given the case's in its memory, and saves that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tscompat.catalogue import Case, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Verdict

from . import judging
from .model import agrees
from .pybridge import UNREADABLE
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route


def python_to_dotnet(job: Job) -> Mapping[str, Verdict]:
    """Written by torch.jit.save, loaded by TorchSharp, run there."""
    given = make_inputs(job.case) if job.case.model else []
    programs.save_script(job.artifact, job.case, job.entries, given, job.writer_device)
    answer = job.ask("load", job.reader_device)
    verdicts = judging.arrived(answer, job)
    if job.case.model:
        write_whole(job.inputs, encode_state_dict(given))
        answer = job.ask("run", job.reader_device)
        refused = judging.refused(answer, job)
        verdicts["forward"] = refused or agrees(job, given, read_state_dict(answer["outputs"]))
    return verdicts


def dotnet_to_python(job: Job) -> Mapping[str, Verdict]:
    """Saved by TorchSharp, loaded by torch.jit.load, run in Python."""
    given = make_inputs(job.case) if job.case.model else []
    _save_with_other_bits(job, given)
    failed = judging.refused(job.ask("save", job.writer_device), job)
    if failed is None:
        try:
            script = programs.load_script(job.artifact)
        except UNREADABLE as error:
            failed = judging.unreadable(error, job)
        else:
            state = torch_tensors.on(job.reader_device, script.state_dict())
            verdicts = {"bits": judging.held(torch_tensors.export(state), job)}
            if job.case.model:
                outputs = native.forward(script, job.case, given, BY_NAME[job.case.dtype])
                verdicts["forward"] = agrees(job, given, outputs)
            return verdicts
    return dict.fromkeys(("bits", "forward"), failed)


def _save_with_other_bits(job: Job, given: StateDict) -> None:
    other = [Entry(name, torch_tensors.poison(tensor)) for name, tensor in job.entries]
    programs.save_script(job.artifact, job.case, other, given)


def tensor_to_dotnet(write: Callable[[Path, Tensor], None], job: Job) -> Mapping[str, Verdict]:
    """One tensor, written in Python, loaded by torch.load of TorchSharp."""
    write(job.artifact, job.entries[0].tensor)
    answer = job.ask("load", job.reader_device)
    return {"bits": judging.refused(answer, job) or judging.loaded(answer, job)}


def tensor_to_python(read: Callable[[Path], Tensor], job: Job) -> Mapping[str, Verdict]:
    """One tensor, saved by torch.save of TorchSharp, read in Python."""
    refused = judging.refused(job.ask("save", job.writer_device), job)
    if refused:
        return {"bits": refused}
    try:
        entries: StateDict = [Entry(job.entries[0].name, read(job.artifact))]
    except UNREADABLE as error:
        return {"bits": judging.unreadable(error, job)}
    return {"bits": judging.held(entries, job)}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    if case.model:
        return ("bits", "forward") if case.model.inputs else ()  # without inputs there is nothing to trace
    if direction == DOTNET_TO_PYTHON:
        return () if case.layout != "contiguous" else ("bits",)  # the script that is saved came from Python
    return ("bits", "quantizer") if "quantizer" in case.tags else ("bits",)


def _tensor_checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("bits",)


def _parameter(path: Path) -> Tensor:
    """The one parameter of a script."""
    return torch_tensors.from_torch(next(programs.load_script(path).parameters()))


ROUTES = (
    *(
        Route(
            name=name,
            why=why,
            directions={PYTHON_TO_DOTNET: python_to_dotnet, DOTNET_TO_PYTHON: dotnet_to_python},
            checks=_checks,
        )
        for name, why in (
            ("torchscript", "torch.jit.save(module, path), torch.jit.load(path)"),
            ("torchscript-bytes", "torch.jit.save(module, byte[]), torch.jit.load(byte[])"),
        )
    ),
    *(
        Route(
            name=name,
            why=why,
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
    ),
)
