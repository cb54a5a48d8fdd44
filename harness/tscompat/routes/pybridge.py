"""The routes of TorchSharp.PyBridge, which loads and saves Python's own files: pickles and safetensors.

May import values, catalogue, python_side. The oracle does not define the bytes of these files, so the checks compare
values, the order of entries, and quantizers. PyBridge writes no metadata into safetensors, and the format allows that.
The alignment of its tensors is checked by a guarantee (``pybridge-safetensors-aligned``).
"""

from __future__ import annotations

from functools import partial

from tscompat.catalogue import Case, Model, Tensors
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .formats import (
    LEGACY_PICKLE,
    PICKLE,
    PICKLE_SHARDS,
    SAFETENSORS,
    SAFETENSORS_SHARDS,
    UNREADABLE,
    PythonFormat,
)
from .pickled import PICKLED
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer

CHECKS = ("bits", "order", "quantizer")


def python_to_dotnet(form: PythonFormat, job: Job[Tensors | Model]) -> Transfer:
    """Python writes a state dict as its users do; PyBridge loads it."""
    subject = job.subject
    state = native.state(subject, job.entries)
    if job.writer_device != "cpu":
        state = torch_tensors.on(job.writer_device, state)
    pickled, layout, reverse = ("as-it-is", "contiguous", False)
    if isinstance(subject, Tensors):
        pickled, layout, reverse = subject.pickled, subject.target_layout, subject.target_reversed
    try:
        form.write(job.artifact, PICKLED[pickled](state))
    except UNREADABLE as error:
        return _all(Verdict(Kind.REFUSED, f"Python's writer: {judging.raised(error, job)}"), job)
    answer = dotnet_half.load(job, dotnet_half.module(job, reverse=reverse), layout=layout)
    return Transfer(judging.arrived(answer, job), job.artifact)


def dotnet_to_python(form: PythonFormat, job: Job[Tensors | Model]) -> Transfer:
    """PyBridge saves a file; Python reads it as its users do."""
    assert form.read is not None
    subject = job.subject
    layout = subject.source_layout if isinstance(subject, Tensors) else "contiguous"
    answer = dotnet_half.save(job, dotnet_half.module(job), layout=layout)
    if judging.failed(answer):
        return _all(judging.failure(answer, job), job)
    try:
        state = torch_tensors.on(job.reader_device, form.read(job.artifact))
        entries = torch_tensors.export(state)
    except UNREADABLE as error:
        return _all(judging.unreadable(error, job), job)
    verdicts = {
        "bits": judging.held(entries, job),
        "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
        "quantizer": judging.quantizer(torch_tensors.quantizer(state), job),
    }
    return Transfer(verdicts, job.artifact)


def _all(verdict: Verdict, job: Job[Tensors | Model]) -> Transfer:
    return Transfer(dict.fromkeys(CHECKS, verdict), job.artifact)


def _checks(case: Case, subject: Tensors | Model, direction: str) -> tuple[str, ...]:
    if isinstance(subject, Model) and subject.only:
        return ()
    if direction == DOTNET_TO_PYTHON and isinstance(subject, Tensors) and subject.pickled != "as-it-is":
        return ()  # what Python makes of a state dict before it pickles it does not concern .NET
    order = ("order",) if direction == DOTNET_TO_PYTHON else ()
    return ("bits", *order, *judging.asked(case, direction))


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        subjects=(Tensors, Model),
        overload=overload,
        directions={PYTHON_TO_DOTNET: partial(python_to_dotnet, form)}
        | ({DOTNET_TO_PYTHON: partial(dotnet_to_python, form)} if form.read else {}),
        checks=_checks,
    )
    for name, overload, form, why in (
        ("pybridge-pickle", "pybridge-pickle", PICKLE, "torch.save and load_py; save_py and torch.load"),
        ("pybridge-legacy", "pybridge-pickle", LEGACY_PICKLE, "torch.save as before torch 1.6, and load_py"),
        (
            "pybridge-safetensors",
            "pybridge-safetensors",
            SAFETENSORS,
            "safetensors and load_safetensors; save_safetensors and safetensors",
        ),
        (
            "pybridge-pickle-stream",
            "pybridge-pickle-stream",
            PICKLE,
            "torch.save and load_py(Stream); save_py(Stream) and torch.load",
        ),
        (
            "pybridge-pickler",
            "pybridge-pickler",
            PICKLE,
            "torch.save and UnpickleStateDict; PickleStateDict and torch.load",
        ),
        (
            "pybridge-safetensors-stream",
            "pybridge-safetensors-stream",
            SAFETENSORS,
            "safetensors and load_safetensors(Stream); save_safetensors(Stream) and safetensors",
        ),
        (
            "pybridge-safetensors-dict",
            "pybridge-safetensors-dict",
            SAFETENSORS,
            "safetensors and Safetensors.LoadStateDict; SaveStateDict and safetensors",
        ),
        (
            "pybridge-pickle-shards",
            "pybridge-shards",
            PICKLE_SHARDS,
            "two pickles with their index, and load_checkpoint",
        ),
        (
            "pybridge-safetensors-shards",
            "pybridge-shards",
            SAFETENSORS_SHARDS,
            "two safetensors files with their index, and load_checkpoint",
        ),
    )
)
