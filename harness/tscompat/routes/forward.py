"""Compares what modules compute that both sides build natively.

May import every room above it in ARCHITECTURE.md's table. Both sides get the same bits and inputs; their outputs must
be bitwise equal, or as close to what Python computes in float64 as rounding explains (docs/bounds.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tscompat.catalogue import Case, Model, load_bounds, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.client import Violation
from tscompat.python_side.agreement import agree
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.values.compare import VALUES, compare, first
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import StateDict, as_float64
from tscompat.values.verdict import Kind, Verdict

from . import dotnet_half, judging
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

NARROW = {"f16", "bf16"}
"""The dtypes whose rounding hides small faults: ``widened`` has none of it. A case in f32 may ask for it too."""
WIDER = {"f16": BY_NAME["f32"], "bf16": BY_NAME["f32"], "f32": BY_NAME["f64"]}
"""The dtype in which ``widened`` computes."""


def forward(job: Job[Model]) -> Transfer:
    """Compare what the two modules compute in eval mode.

    ``loaded``: what .NET's computes after ``Module.load`` must be bitwise what it computes if its memory is filled.
    ``widened``: both sides convert the loaded module to a wider dtype and compute with it. ``statistics``: the
    buffers after a pass in train mode.
    """
    given = make_inputs(job.case.id, job.subject)
    checks = _checks(job.case, job.subject, PYTHON_TO_DOTNET)
    verdicts = {"forward": _compute(job, given)}
    if "predictions" in job.case.checks:
        verdicts["predictions"] = predictions(job, given, verdicts["forward"])
    if "loaded" in checks:
        verdicts["loaded"] = _loaded(job, given, verdicts["forward"])
    if "widened" in checks:
        verdicts["widened"] = _compute(job, given, load=True, dtype=WIDER[job.subject.dtype.name])
    if "statistics" in checks:
        verdicts["statistics"] = _compute(job, given, train=True)
    return Transfer(verdicts, job.outputs)


def _ask(
    job: Job[Model], given: StateDict, outputs: Path, dtype: DType, *, load: bool, train: bool
) -> messages.Done | judging.Failed:
    write_whole(job.inputs, encode_state_dict(native.inputs(given, dtype)))
    answer = job.ask(
        messages.Forward(
            load=load,
            dtype=dtype.name,
            expected=str(job.expected_file),
            module=dotnet_half.native(job.subject),
            inputs=str(job.inputs),
            outputs=str(outputs),
            train=train,
            device=job.reader_device,
        )
    )
    if isinstance(answer, Violation) and {*answer.changed} <= _changed_by_python(job, given, dtype):
        return messages.Done()
    return answer


def _changed_by_python(job: Job[Model], given: StateDict, dtype: DType) -> set[str]:
    """What a pass of Python's module changes in it, as one through an embedding with max_norm changes its weight."""
    module = native.computing(job.subject, job.entries, dtype).eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    native.forward(module, job.subject, given, dtype)
    after = module.state_dict()
    return {messages.bits_of(name) for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def _compute(
    job: Job[Model], given: StateDict, *, load: bool = False, dtype: DType | None = None, train: bool = False
) -> Verdict:
    dtype = dtype or job.subject.dtype
    answer = _ask(job, given, job.outputs, dtype, load=load, train=train)
    if judging.failed(answer):
        return judging.failure(answer, job)
    return agrees(
        job.subject,
        job.entries,
        given,
        read_state_dict(job.outputs),
        dtype,
        train=train,
        device=job.reader_device,
        allowance=_allowance(job, dtype),
    )


def _allowance(job: Job[Model], dtype: DType) -> float:
    """How many times as far off as rounding explains the outputs may be: the last row of cases/dtypes.toml that fits
    the case, with the dtype in which it computes.
    """
    case, _, _ = job.case.id.rpartition("/")
    rows = load_bounds("cuda") if job.reader_device == "cuda" else {}
    return next((times for cases, times in reversed(rows.items()) if fnmatch(f"{case}/{dtype.name}", cases)), 1.0)


def _loaded(job: Job[Model], given: StateDict, computed: Verdict) -> Verdict:
    """Whether .NET's module computes the same after a load: bit for bit on the CPU. On CUDA some kernels give other
    bits in each pass, and rounding must explain them.

    ``computed`` is the ``forward`` verdict; ``job.outputs`` has what .NET computed for it.
    """
    if computed.kind is Kind.REFUSED:
        return Verdict(Kind.NOT_RUN, "the module does not compute, loaded or not: see forward")
    if job.reader_device != "cpu":
        return _compute(job, given, load=True)
    outputs = job.outputs.with_suffix(".loaded")
    answer = _ask(job, given, outputs, job.subject.dtype, load=True, train=False)
    if judging.failed(answer):
        return judging.failure(answer, job)
    return first(compare(read_state_dict(job.outputs), read_state_dict(outputs)), {*VALUES, Kind.ORDER})


def agrees(
    model: Model,
    entries: StateDict,
    given: StateDict,
    theirs: StateDict,
    dtype: DType,
    *,
    train: bool = False,
    device: str = "cpu",
    allowance: float = 1.0,
) -> Verdict:
    """Whether ``theirs``, .NET's outputs (with ``train``, buffers), are those of Python's module for the inputs
    ``given``, computed in ``dtype`` on the device: bitwise, or at most ``allowance`` times as far off as rounding
    explains. Faults predict ``theirs`` if the same is true of Python's module with these faults.
    """

    def with_faults(faults: Sequence[str]) -> Verdict:
        ours = _python(model, entries, given, dtype, train=train, device=device, faults=faults)
        references = partial(native.reference, model, entries, given, dtype, train=train, faults=faults)
        return agree(ours, theirs, references, "buffer" if train else "output", allowance)

    return with_faults(()).comparing(lambda faults: bool(faults) and with_faults(faults).kind is Kind.PASS)


def _python(
    model: Model,
    entries: StateDict,
    given: StateDict,
    dtype: DType,
    *,
    train: bool,
    device: str,
    faults: Sequence[str] = (),
) -> StateDict:
    module = native.computing(model, entries, dtype, faults).train(train)
    outputs = native.forward(module, model, given, dtype, device)
    return native.buffers(module) if train else outputs


def predictions(job: Job[Model], given: StateDict, computed: Verdict) -> Verdict:
    """Whether both sides predict the same classes, and at least two. ``computed`` is the ``forward`` verdict."""
    if computed.kind in (Kind.REFUSED, Kind.NOT_RUN):
        return computed
    if job.reader_device != "cpu" and job.subject.dtype.name in NARROW:
        return Verdict(Kind.NOT_RUN, "on CUDA rounding decides some of the classes (docs/cuda.md)")
    ours = _python(job.subject, job.entries, given, job.subject.dtype, train=False, device=job.reader_device)
    mine, other = (
        as_float64(side[0].tensor).reshape(side[0].tensor.shape).argmax(axis=-1)
        for side in (ours, read_state_dict(job.outputs))
    )
    different = int((mine != other).sum())
    sentence = f"{different} of {mine.size} predictions differ; {np.unique(mine).size} classes are predicted"
    return Verdict(Kind.BITS if different or np.unique(mine).size < 2 else Kind.PASS, sentence)


def _checks(case: Case, model: Model, direction: str) -> tuple[str, ...]:
    if not model.inputs:
        return ()
    return (
        "forward",
        *(("predictions",) if "predictions" in case.checks else ()),
        *(("loaded",) if model.kind == "layer" else ()),
        *(("widened",) if model.dtype.name in {*NARROW, *(WIDER if "widened" in case.checks else ())} else ()),
        *(("statistics",) if "statistics" in case.checks else ()),
    )


ROUTES = (
    Route(
        name="forward",
        why="what a module built natively on both sides computes from the same bits",
        subjects=(Model,),
        overload="",
        directions={PYTHON_TO_DOTNET: forward},
        checks=_checks,
        devices=("cpu", "cuda"),
    ),
)
