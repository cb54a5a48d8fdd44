"""An honest peer passes each check of each route, and proves it. The other tests add one fault to what it answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles import MakeJob, kinds
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue
from tscompat.routes import ROUTES
from tscompat.routes.proof import PROOFS, why_unproven
from tscompat.routes.route import DOTNET_TO_PYTHON
from tscompat.values.verdict import Kind

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
    *("optim/sgd-scoped/f32", "optim/sgd-stream/f32", "optim/adam-complex/c64"),
]
TRANSFERS = [
    (case_id, name, direction)
    for case_id in CASES
    for name in load_catalogue()[case_id].routes
    for direction in ROUTES[name].directions
    if not ROUTES[name].script and name not in SLOW
    if (case_id, name) not in REFUSED and (name, direction) != WITHOUT_A_WRITER
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
