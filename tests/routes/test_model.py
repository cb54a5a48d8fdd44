"""The routes of natively built modules: their verdicts of a peer's answers, by doubles of the peer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from doubles import MakeJob, kinds, with_peer
from tscompat.catalogue import Model, load_bounds, make_inputs
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.messages import AnyCall, Done, Forward, SchemaEntry, SchemaFound
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.routes import Job, model
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import PASS, Kind, Verdict

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


def computing(job: Job[Any], change: Callable[[StateDict], StateDict], *, train: bool) -> Job[Any]:
    """The job with a peer that computes as Python does, but with a change in train mode or else in eval mode."""
    subject: Model = job.subject

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Forward)
        module = native.filled(subject, job.entries).train(call.train)
        outputs = native.forward(module, subject, make_inputs(job.case.id, subject), subject.dtype)
        found = native.buffers(module) if call.train else outputs
        write_whole(Path(call.outputs), encode_state_dict(change(found) if call.train is train else found))
        return Done()

    return with_peer(job, answer)


def negated(entries: StateDict) -> StateDict:
    """The entries with each number negated."""
    return [torch_entry(name, -torch_tensors.to_torch(tensor)) for name, tensor in entries]


def counted_once_more(entries: StateDict) -> StateDict:
    """The entries with 1 added to each integer."""
    tensors = [(name, torch_tensors.to_torch(tensor)) for name, tensor in entries]
    return [torch_entry(name, tensor if tensor.is_floating_point() else tensor + 1) for name, tensor in tensors]


def rounded_in_reverse(entries: StateDict) -> StateDict:
    """The entries, the first a little larger, in reverse order."""
    (name, tensor), *rest = entries
    return [*rest[::-1], torch_entry(name, torch_tensors.to_torch(tensor) * (1 + 2**-23))]


def last_in_double(entries: StateDict) -> StateDict:
    """The entries, the first a little larger, the last in float64."""
    (name, tensor), *rest, (last, other) = entries
    larger = torch_entry(name, torch_tensors.to_torch(tensor) * (1 + 2**-23))
    return [larger, *rest, torch_entry(last, torch_tensors.to_torch(other).double())]


def torch_entry(name: str, tensor: torch.Tensor) -> Entry:
    return Entry(name, torch_tensors.export({name: tensor})[0].tensor)


@pytest.mark.parametrize(
    ("case", "change", "train", "differences"),
    [
        (CASE, same, False, set[str]()),
        (CASE, negated, False, {"forward"}),
        (CASE, negated, True, {"statistics"}),
        (CASE, counted_once_more, True, {"statistics"}),
        ("layer/lstm/default/f32", last_in_double, False, {"forward"}),
        ("layer/lstm/default/f32", rounded_in_reverse, False, set[str]()),
        ("arch/mnist-trained/f32", same, False, set[str]()),
        ("arch/mnist-trained/f32", negated, False, {"forward", "predictions"}),
    ],
    ids=[
        "same",
        "outputs",
        "buffers",
        "a-counter",
        "a-dtype-behind-bits",
        "another-order",
        "same-classes",
        "other-classes",
    ],
)
def test_what_is_computed_otherwise_is_a_difference(
    make_job: MakeJob, case: str, change: Callable[[StateDict], StateDict], train: bool, differences: set[str]
) -> None:
    found = kinds(computing(make_job(case, "forward"), change, train=train), "forward", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == differences


def test_the_reference_is_float64_and_the_bound_that_of_the_dtype(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[set[str], float]] = []

    def within(ours: StateDict, theirs: StateDict, exact: StateDict, bound: float) -> Verdict:
        asked.append(({tensor.dtype.name for _, tensor in exact}, bound))
        return PASS

    monkeypatch.setattr(model, "within_reference", within)
    for dtype in ("f64", "f32"):
        kinds(
            computing(make_job(f"layer/lstm/default/{dtype}", "forward"), negated, train=False),
            "forward",
            PYTHON_TO_DOTNET,
        )
    assert asked == [({"f64"}, load_bounds()["f64"]), ({"f64"}, load_bounds()["f32"])]
