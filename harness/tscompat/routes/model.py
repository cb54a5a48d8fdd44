"""Modules that both sides build natively: do they agree on what there is, and on what they compute? May import models.

``schema`` asks for names, shapes, dtypes, buffers and order, one verdict each. ``forward`` gives both the same bits and
the same input; what they compute is bitwise equal, or within the bound of cases/dtypes.toml of the same in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import Case, load_bounds, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_CODE, BY_NAME, DType
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .route import PYTHON_TO_DOTNET, Job, Route

SCHEMA_CHECKS = {
    "names": Kind.NAMES,
    "order": Kind.ORDER,
    "dtype": Kind.DTYPE,
    "shape": Kind.SHAPE,
    "buffers": Kind.NAMES,
}
"""The checks, and the kind of difference that each is about; ``buffers`` is whether an entry is one on both sides."""
MANTISSA_BITS = {"f64": 52, "f32": 23, "f16": 10, "bf16": 7}


def schema(job: Job) -> Mapping[str, Verdict]:
    """What the two modules have, as their constructors leave them."""
    answer = job.ask("schema", job.reader_device)
    refused = judging.refused(answer, job)
    if refused:
        return dict.fromkeys(SCHEMA_CHECKS, refused)
    due = [Entry(spec.name, Tensor(spec.dtype, spec.shape, b"")) for spec in job.case.tensors]
    found = [Entry(name, Tensor(BY_CODE[code], tuple(shape), b"")) for name, code, shape, _ in answer["schema"]]
    differences = compare(due, found)
    verdicts = {check: judging.first(differences, {kind}) for check, kind in SCHEMA_CHECKS.items()}
    is_buffer = {name: buffer for name, _, _, buffer in answer["schema"]}
    moved = [spec for spec in job.case.tensors if is_buffer.get(spec.name, spec.buffer) != spec.buffer]
    verdicts["buffers"] = judging.PASS
    if moved:
        kind = "a buffer in Python, a parameter" if moved[0].buffer else "a parameter in Python, a buffer"
        verdicts["buffers"] = Verdict(Kind.NAMES, f"{moved[0].name!r} is {kind} in .NET; {len(moved)} are")
    return verdicts


def forward(job: Job) -> Mapping[str, Verdict]:
    """What the two modules compute in eval mode, and their buffers after one pass in train mode."""
    given = make_inputs(job.case)
    write_whole(job.inputs, encode_state_dict(given))
    verdicts = {"forward": _compute(job, given, train=False)}
    if "predictions" in job.case.tags:
        verdicts["predictions"] = predictions(job, given, verdicts["forward"])
    if "statistics" in job.case.tags:
        verdicts["statistics"] = _compute(job, given, train=True)
    return verdicts


def _compute(job: Job, given: StateDict, *, train: bool) -> Verdict:
    answer = job.ask("forward", job.reader_device, train=train)
    refused = judging.refused(answer, job)
    if refused:
        return refused
    return agrees(job, given, read_state_dict(job.artifact), train=train)


def agrees(job: Job, given: StateDict, theirs: StateDict, *, train: bool = False) -> Verdict:
    """Whether these outputs (or buffers) are those of Python's module: bitwise, or within the bound."""
    ours = _python(job, given, BY_NAME[job.case.dtype], train=train)
    different = judging.first(compare(ours, theirs), {Kind.NAMES, Kind.DTYPE, Kind.SHAPE, Kind.BITS})
    if different.kind is not Kind.BITS:
        return different
    exact = _python(job, given, BY_NAME["f64"], train=train)
    return within(ours, theirs, exact, load_bounds()[job.case.dtype])


def _python(job: Job, given: StateDict, dtype: DType, *, train: bool) -> StateDict:
    module = native.filled(job.case, job.entries)
    module.to(native.torch_dtype(dtype)).train(train)
    outputs = native.forward(module, job.case, given, dtype)
    return native.buffers(module) if train else outputs


def predictions(job: Job, given: StateDict, computed: Verdict) -> Verdict:
    """Whether both sides choose the same classes, and not one class for everything."""
    if computed.kind is Kind.REFUSED:
        return computed
    dtype = BY_NAME[job.case.dtype]
    sides = (_python(job, given, dtype, train=False), read_state_dict(job.artifact))
    ours, theirs = (values(side[0].tensor).reshape(side[0].tensor.shape).argmax(axis=-1) for side in sides)
    different = int((ours != theirs).sum())
    told = f"{different} of {ours.size} predictions differ; {np.unique(ours).size} classes are predicted"
    return Verdict(Kind.BITS if different or np.unique(ours).size < 2 else Kind.PASS, told)


def within(ours: StateDict, theirs: StateDict, exact: StateDict, bound: float) -> Verdict:
    """Whether both sides are within ``bound`` ULP of the float64 reference. The ULP is that of its largest element."""
    apart = python = dotnet = 0.0
    for (name, our), (_, their), (_, reference) in zip(ours, theirs, exact, strict=True):
        if our.dtype.name not in MANTISSA_BITS:
            continue  # an integer: compare() has told it apart if it differs
        a, b, due = (values(tensor) for tensor in (our, their, reference))
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return Verdict(Kind.BITS, f"output {name} is finite in different places")
        finite = np.isfinite(a) & np.isfinite(due)
        largest = float(np.max(np.abs(due), initial=0.0, where=finite))
        if not largest:
            continue
        ulp = 2.0 ** (math.floor(math.log2(largest)) - MANTISSA_BITS[our.dtype.name])
        distances = (
            float(np.max(np.abs(x - y), initial=0.0, where=finite)) / ulp for x, y in ((a, b), (a, due), (b, due))
        )
        apart, python, dotnet = map(max, zip((apart, python, dotnet), distances, strict=True))
    told = f"{apart:.1f} ULP apart; from float64 Python {python:.1f}, .NET {dotnet:.1f}, at most {bound:g}"
    return Verdict(Kind.PASS if max(python, dotnet) <= bound else Kind.BITS, told)


def values(tensor: Tensor) -> NDArray[np.float64]:
    """The elements as float64, in which every floating type is exact."""
    flat = np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar)
    return flat.astype(np.float64)


def _schema_checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("names",) if case.model and case.model.only else tuple(SCHEMA_CHECKS)


def _forward_checks(case: Case, direction: str) -> tuple[str, ...]:
    extra = tuple(tag for tag in ("predictions", "statistics") if tag in case.tags)
    return ("forward", *extra) if case.model and case.model.inputs else ()


ROUTES = (
    Route(
        name="schema",
        why="the state dict of a module built natively on both sides",
        directions={PYTHON_TO_DOTNET: schema},
        checks=_schema_checks,
    ),
    Route(
        name="forward",
        why="what a module built natively on both sides computes from the same bits",
        directions={PYTHON_TO_DOTNET: forward},
        checks=_forward_checks,
    ),
)
