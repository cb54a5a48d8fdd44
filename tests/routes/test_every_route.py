"""What holds for each route: an honest peer passes and is proven, a refusal refuses all that comes after it, and each
half works on its device and in the case's layout. .NET does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob, kinds, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import OptimizerCase, Tensors, load_catalogue
from tscompat.dotnet_side.client import WITHOUT_DOTNET, WithoutDotnet
from tscompat.dotnet_side.messages import Thrown
from tscompat.routes import ROUTES, Job
from tscompat.routes.proof import PROOFS, why_unproven
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

SLOW = {"export-aoti"}
"""AOTInductor compiles C++ for seconds."""
REFUSED = {
    *(("tied/nested/f32", name) for name in ("pybridge-safetensors", "pybridge-safetensors-shards")),
    ("layout/source/transposed/f32", "pybridge-safetensors"),
}
"""What Python's own writer of safetensors refuses."""
WITHOUT_A_WRITER = ("torch-save", DOTNET_TO_PYTHON)
"""By one overload libtorch saves a script, and two routes read what it saves: this one wants PyTorch's own pickle."""
CASES = [
    *("role/both/bf16", "shape/rank-3/f32", "order/target-reversed/f32", "tied/nested/f32", "pattern/odd-sizes/mixed"),
    *("layout/source/transposed/f32", "layout/target/permuted/i64", "pickle/metadata/f32", "pattern/random/bf16"),
    *("layer/batchnorm1d/default/f32", "layer/linear/default/bf16", "layer/lstm/default/f32", "program/mlp/f32"),
    *("load/report/skip/f32", "load/missing/strict/f32", "load/damaged/truncated/f32", "load/shape/strict/f32"),
    *("load/one-way/f32", "guarantee/save-then-load/f32", "optim/adam-groups/bf16", "optim/rmsprop-into-used/f32"),
    *("optim/sgd-scoped/f32", "optim/sgd-stream/f32", "optim/adam-complex/c64", "optim/sgd-channels-last/f32"),
]
TRANSFERS = [
    (case_id, name, direction)
    for case_id in CASES
    for name in load_catalogue()[case_id].routes
    for direction in ROUTES[name].directions
    if not ROUTES[name].script and name not in SLOW
    if (case_id, name) not in REFUSED and (name, direction) != WITHOUT_A_WRITER
    if ROUTES[name].checks_of(load_catalogue()[case_id], direction)
]
PROVABLE = [
    (name, direction)
    for name, route in ROUTES.items()
    for direction in route.directions
    if route.overload and not route.script and name not in SLOW and (name, direction) != WITHOUT_A_WRITER
]


@pytest.mark.parametrize(("case_id", "route", "direction"), TRANSFERS)
def test_every_check_passes(make_job: MakeJob, case_id: str, route: str, direction: str) -> None:
    found = kinds(make_job(case_id, route), route, direction)
    assert {check: kind for check, kind in found.items() if kind is not Kind.PASS} == {}


@pytest.mark.parametrize(("name", "direction"), PROVABLE)
def test_what_an_honest_peer_transfers_is_proven(tmp_path: Path, name: str, direction: str) -> None:
    route = ROUTES[name]
    (subject,) = (subject for kind, (subject, _) in PROOFS.items() if kind in route.subjects)
    assert why_unproven(route, direction, HonestPeer(subject), tmp_path / "proof", None) is None


# What .NET refuses, or is not asked for.

WHAT_IS_REFUSED = [
    *(("quantized/per-tensor/qi8", name) for name in ("dat", "tensor", "pybridge-pickle", "torchscript")),
    *(("layer/linear/default/bf16", name) for name in ("schema", "forward", "torchscript", "dat", "pybridge-pickle")),
    ("program/mlp/f32", "export"),
    *(("load/report/stream/f32", name) for name in ("load", "pybridge-load-pickle", "pybridge-load-safetensors")),
    ("guarantee/save-then-load/f32", "guarantee"),
    *(("optim/adam-groups/bf16", name) for name in ("optimizer", "pybridge-optimizer")),
    *(("pattern/random/bf16", name) for name in ("tensor", "torch-save-script")),
]
BOTH_WAYS = [
    (case_id, name, direction)
    for case_id, name in WHAT_IS_REFUSED
    for direction in ROUTES[name].directions
    if not ROUTES[name].script and ROUTES[name].checks_of(load_catalogue()[case_id], direction)
]
OF_THE_FILE_BEFORE = {("dat", PYTHON_TO_DOTNET), ("tensor", PYTHON_TO_DOTNET)}
"""Where Python's half has a verdict of its own: ``bytes``."""


def judged(job: Job[Any], route: str, direction: str) -> Mapping[str, Verdict]:
    """The verdicts of the case's checks, but for those that Python's half makes alone."""
    verdicts = transfer(job, route, direction).verdicts
    own = {"bytes"} if (route, direction) in OF_THE_FILE_BEFORE else set[str]()
    return {check: verdicts[check] for check in ROUTES[route].checks_of(job.case, direction) if check not in own}


@pytest.mark.parametrize(("case_id", "route", "direction"), BOTH_WAYS)
def test_what_dotnet_throws_refuses_every_check(make_job: MakeJob, case_id: str, route: str, direction: str) -> None:
    job = make_job(case_id, route)
    throwing = with_peer(job, lambda call: Thrown("System.Exception", f"no {job.artifact}\n  at Here"))
    found = {
        check: (verdict.kind, verdict.detail.partition(";")[0])
        for check, verdict in judged(throwing, route, direction).items()
        if verdict.kind is not Kind.NOT_RUN  # a check about what was computed, where nothing was
    }
    assert set(found.values()) == {(Kind.REFUSED, "System.Exception: no actual.dat")}


@pytest.mark.parametrize(("case_id", "route", "direction"), BOTH_WAYS)
def test_without_dotnet_nothing_of_dotnet_has_a_verdict(
    make_job: MakeJob, case_id: str, route: str, direction: str
) -> None:
    found = judged(make_job(case_id, route, WithoutDotnet()), route, direction)
    assert found == dict.fromkeys(found, Verdict(Kind.NOT_RUN, WITHOUT_DOTNET))


# Devices and layouts.


@pytest.mark.parametrize(
    ("case_id", "route", "direction"),
    [
        *(("role/both/bf16", name, PYTHON_TO_DOTNET) for name in ("dat", "pybridge-pickle", "torchscript")),
        *(("role/both/bf16", name, DOTNET_TO_PYTHON) for name in ("dat", "pybridge-pickle", "torchscript")),
        *(("optim/adam-groups/bf16", "optimizer", direction) for direction in (PYTHON_TO_DOTNET, DOTNET_TO_PYTHON)),
        ("guarantee/python-state-dict-from-the-cpu/f32", "guarantee", PYTHON_TO_DOTNET),
    ],
)
def test_pythons_half_lies_on_its_device(make_job: MakeJob, case_id: str, route: str, direction: str) -> None:
    """torch's device ``meta`` holds no numbers, and so none can be read from it."""
    whose = "writer_device" if direction == PYTHON_TO_DOTNET else "reader_device"
    job: Job[Any] = replace(make_job(case_id, route), **{whose: "meta"})
    try:
        refused = {verdict.detail for verdict in transfer(job, route, direction).verdicts.values()}
    except RuntimeError as error:
        refused = {str(error)}
    assert any("meta" in each for each in refused)


@pytest.mark.parametrize(("case_id", "route", "direction"), TRANSFERS)
def test_dotnet_is_asked_for_its_device_and_the_layout_of_the_case(
    make_job: MakeJob, case_id: str, route: str, direction: str
) -> None:
    whose = "reader_device" if direction == PYTHON_TO_DOTNET else "writer_device"
    peer = HonestPeer(load_catalogue()[case_id].subject)
    device = "meta" if route == "forward" else "cuda:7"  # where Python computes too
    job = replace(make_job(case_id, route, peer), **{whose: device})
    with suppress(NotImplementedError):  # torch's device ``meta`` holds no numbers
        transfer(job, route, direction)
    assert peer.calls
    for call in peer.calls:
        place = getattr(call, "placement", None)
        if place is not None:
            assert (place.device, place.layout) == (device, layout(job, direction))
            assert (place.scale, place.zero_point) == (1.0, 0)
        assert getattr(call, "device", device) == device


def layout(job: Job[Any], direction: str) -> str:
    match job.subject:
        case Tensors() as bag:
            return bag.target_layout if direction == PYTHON_TO_DOTNET else bag.source_layout
        case OptimizerCase() as case:
            return case.layout
        case _:
            return "contiguous"
