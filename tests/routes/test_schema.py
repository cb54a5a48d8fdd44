"""The verdicts of the state dicts of natively built modules, by doubles of the peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from doubles import MakeJob, kinds, same, transfer, with_peer
from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.messages import SchemaEntry, SchemaFound, Thrown
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.verdict import FirstDifference, Kind, Verdict

CASE = "layer/batchnorm1d/default/f32"
Entries = list[SchemaEntry]


def schema_of(job: Job[Any]) -> Entries:
    """The entries of Python's module, as a peer would answer them."""
    return [SchemaEntry(spec.name, spec.dtype.code, spec.shape, spec.buffer) for spec in job.specs]


def differing(job: Job[Any], entries: Entries) -> dict[str, Kind]:
    """The checks that do not pass if the peer answers with these entries, and their kinds."""
    found = kinds(with_peer(job, lambda call: SchemaFound(tuple(entries))), "schema", PYTHON_TO_DOTNET)
    return {check: kind for check, kind in found.items() if kind is not Kind.PASS}


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


@pytest.mark.parametrize(("number", "here", "there"), [(0, "a parameter", "a buffer"), (2, "a buffer", "a parameter")])
def test_what_is_a_buffer_on_one_side_alone_is_named(make_job: MakeJob, number: int, here: str, there: str) -> None:
    job = make_job(CASE, "schema")
    entries = schema_of(job)
    entries[number] = msgspec.structs.replace(entries[number], buffer=not entries[number].buffer)
    answering = with_peer(job, lambda call: SchemaFound(tuple(entries)))
    verdict = transfer(answering, "schema", PYTHON_TO_DOTNET).verdicts["buffers"]
    name = entries[number].name
    assert verdict == Verdict(
        Kind.NAMES,
        f"{name!r} is {here} in Python, {there} in .NET; 1 entries differ so",
        FirstDifference(name, "buffer", None, here, there),
    )


def test_a_buffer_that_one_side_alone_has_is_a_difference_of_names_alone(make_job: MakeJob) -> None:
    job = make_job(CASE, "schema")
    assert differing(job, [each for each in schema_of(job) if not each.buffer]) == {"names": Kind.NAMES}


def test_a_fault_predicts_what_a_schema_has_otherwise(make_job: MakeJob) -> None:
    job = make_job(CASE, "schema")
    answering = with_peer(job, lambda call: SchemaFound(tuple(schema_of(job)[1:])))
    predicted = transfer(answering, "schema", PYTHON_TO_DOTNET).verdicts["names"].as_predicted
    assert predicted is not None
    assert [predicted([f"without {name}"]) for name in ("weight", "bias")] == [True, False]
    assert predicted(["parameters-before-buffers", "without weight"])


def test_a_schema_gives_the_artifact_whatever_becomes_of_it(make_job: MakeJob) -> None:
    job = make_job(CASE, "schema")
    for each in (job, with_peer(job, lambda call: Thrown("System.Exception", "no"))):
        assert transfer(each, "schema", PYTHON_TO_DOTNET).artifact == job.artifact


def test_of_a_module_that_one_side_has_only_the_names_are_compared() -> None:
    case = next(case for case in load_catalogue().values() if getattr(case.subject, "only", None))
    assert ROUTES["schema"].checks_of(case, PYTHON_TO_DOTNET) == ("names",)
