"""The routes of natively built modules: their verdicts of a peer's answers, by doubles of the peer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from doubles import MakeJob, kinds, with_peer
from tscompat.catalogue import Model, load_catalogue, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.messages import AnyCall, Done, Forward, SchemaEntry, SchemaFound
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind

CASE = "layer/batchnorm1d/default/f32"
Entries = list[SchemaEntry]


def schema_of(job: Job[Any]) -> Entries:
    """The entries of Python's module, as a peer would answer them."""
    return [SchemaEntry(spec.name, spec.dtype.code, spec.shape, spec.buffer) for spec in job.specs]


def differing(job: Job[Any], entries: Entries) -> dict[str, Kind]:
    """The checks that do not pass if the peer answers with these entries, and their kinds."""
    found = kinds(with_peer(job, lambda call: SchemaFound(tuple(entries))), "schema", PYTHON_TO_DOTNET)
    return {check: kind for check, kind in found.items() if kind is not Kind.PASS}


def same(entries: Any) -> Any:
    return entries


def but_the_first(entries: Entries) -> Entries:
    return entries[1:]


def in_reverse(entries: Entries) -> Entries:
    return entries[::-1]


def first_with(**change: Any) -> Callable[[Entries], Entries]:
    """A function that changes these fields of the first entry."""
    return lambda entries: [msgspec.structs.replace(entries[0], **change), *entries[1:]]


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        (same, {}),
        (but_the_first, {"names": Kind.NAMES}),
        (in_reverse, {"order": Kind.ORDER}),
        (first_with(code=7), {"dtype": Kind.DTYPE}),
        (first_with(shape=(1,)), {"shape": Kind.SHAPE}),
        (first_with(buffer=True), {"buffers": Kind.NAMES}),
    ],
    ids=["same", "one-less", "order", "dtype", "shape", "buffer"],
)
def test_each_check_of_the_schema_sees_its_own_difference(
    make_job: MakeJob, change: Callable[[Entries], Entries], differences: dict[str, Kind]
) -> None:
    job = make_job(CASE, "schema")
    assert differing(job, change(schema_of(job))) == differences


def computing(job: Job[Any], change: Callable[[StateDict], StateDict], when: Callable[[Forward], bool]) -> Job[Any]:
    """The job with a peer that computes as Python does, but with a change in the calls of ``when``."""

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Forward)
        found = outputs_of(job, job.entries, call)
        write_whole(Path(call.outputs), encode_state_dict(change(found) if when(call) else found))
        return Done()

    return with_peer(job, answer)


def outputs_of(job: Job[Any], entries: StateDict, call: Forward) -> StateDict:
    """What Python computes for a call: the outputs, or in train mode the buffers."""
    subject: Model = job.subject
    dtype = BY_NAME[call.dtype]
    module = native.filled(subject, entries).to(native.torch_dtype(dtype)).train(call.train)
    outputs = native.forward(module, subject, make_inputs(job.case.id, subject), dtype)
    return native.buffers(module) if call.train else outputs


def in_train_mode(call: Forward) -> bool:
    return call.train


def in_eval_mode(call: Forward) -> bool:
    return not call.train


def loaded(call: Forward) -> bool:
    return call.load


def in_another_dtype(call: Forward) -> bool:
    return call.dtype == "f32"


def negated(entries: StateDict) -> StateDict:
    """The entries with each number negated."""
    return [torch_entry(name, -torch_tensors.to_torch(tensor)) for name, tensor in entries]


def counted_once_more(entries: StateDict) -> StateDict:
    """The entries with 1 added to each integer."""
    tensors = [(name, torch_tensors.to_torch(tensor)) for name, tensor in entries]
    return [torch_entry(name, tensor if tensor.is_floating_point() else tensor + 1) for name, tensor in tensors]


def rounded_in_reverse(entries: StateDict) -> StateDict:
    """The entries, one element a little larger, in reverse order."""
    (name, tensor), *rest = entries
    larger = torch_tensors.to_torch(tensor)
    larger.view(-1)[0] *= 1 + 2**-23
    return [*rest[::-1], torch_entry(name, larger)]


def last_in_double(entries: StateDict) -> StateDict:
    """The entries, the first a little larger, the last in float64."""
    (name, tensor), *rest, (last, other) = entries
    larger = torch_entry(name, torch_tensors.to_torch(tensor) * (1 + 2**-23))
    return [larger, *rest, torch_entry(last, torch_tensors.to_torch(other).double())]


def torch_entry(name: str, tensor: torch.Tensor) -> Entry:
    return Entry(name, torch_tensors.export({name: tensor})[0].tensor)


@pytest.mark.parametrize(
    ("case", "change", "when", "differences"),
    [
        (CASE, same, in_eval_mode, set[str]()),
        (CASE, negated, in_eval_mode, {"forward"}),
        (CASE, negated, in_train_mode, {"statistics"}),
        (CASE, counted_once_more, in_train_mode, {"statistics"}),
        (CASE, rounded_in_reverse, loaded, {"loaded"}),
        ("layer/linear/default/bf16", negated, in_another_dtype, {"widened"}),
        ("layer/lstm/default/f32", last_in_double, in_eval_mode, {"forward"}),
        ("layer/lstm/default/f32", rounded_in_reverse, in_eval_mode, set[str]()),
        ("arch/mnist-trained/f32", same, in_eval_mode, set[str]()),
        ("arch/mnist-trained/f32", negated, in_eval_mode, {"forward", "predictions"}),
    ],
    ids=[
        "same",
        "outputs",
        "buffers",
        "a-counter",
        "after-a-load",
        "widened",
        "a-dtype-behind-bits",
        "another-order",
        "same-classes",
        "other-classes",
    ],
)
def test_what_is_computed_otherwise_is_a_difference(
    make_job: MakeJob,
    case: str,
    change: Callable[[StateDict], StateDict],
    when: Callable[[Forward], bool],
    differences: set[str],
) -> None:
    found = kinds(computing(make_job(case, "forward"), change, when), "forward", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == differences


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
@pytest.mark.parametrize("name", ["lstm/default", "conv2d/groups", "transformerencoderlayer/gelu"])
def test_a_parameter_that_is_slightly_wrong_is_seen(make_job: MakeJob, name: str, dtype: str) -> None:
    job = make_job(f"layer/{name}/{dtype}", "forward")
    factor = {"f64": 1 + 1e-9, "f32": 1 + 1e-4, "f16": 1.01, "bf16": 1.05}[dtype]

    def scaled(call: AnyCall) -> Done:
        assert isinstance(call, Forward)
        entries = read_state_dict(call.expected)
        (first, tensor), *rest = entries
        larger = torch_tensors.to_torch(tensor).double() * factor
        wrong = [torch_entry(first, larger.to(native.torch_dtype(tensor.dtype))), *rest]
        write_whole(Path(call.outputs), encode_state_dict(outputs_of(job, wrong, call)))
        return Done()

    found = kinds(with_peer(job, scaled), "forward", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == set(found) - {"loaded"}


@pytest.mark.parametrize(
    ("case_id", "has"),
    [
        ("layer/linear/default/f16", True),
        ("layer/linear/default/f32", False),
        ("arch/resnet101/f32", True),
        ("arch/resnet101/f64", False),
    ],
)
def test_a_case_in_float32_may_be_widened_too(case_id: str, has: bool) -> None:
    checks = ROUTES["forward"].checks_of(load_catalogue()[case_id], PYTHON_TO_DOTNET)
    assert ("widened" in checks) is has
