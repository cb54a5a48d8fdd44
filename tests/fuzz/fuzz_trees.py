"""Modules that nobody thought of, built on both sides and carried for real: `nox -s fuzz`.

A draw fails unless everything agrees, but for the one thing that is known of all of TorchSharp's models: parameters
come before buffers. It is told as a case for cases/generated.toml, made as small as hypothesis can.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, note, settings

from fuzz.strategy import Description, to_toml, trees
from tscompat.catalogue import Case, load_bounds, load_catalogue, make_inputs
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side.models import native
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.judging import held, same_file
from tscompat.routes.model import within
from tscompat.routes.route import DOTNET_TO_PYTHON
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))


@pytest.mark.timeout(0)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees())
def test_both_sides_agree(keeper: PeerKeeper, tree: Description) -> None:
    text = to_toml(tree)
    note(text)
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(read(text, Path(folder)), Path(folder), keeper)
        wrong = {
            f"{name}/{direction}/{check}": verdict
            for name in job.case.routes
            for direction in ROUTES[name].directions
            for check, verdict in carry(job, name, direction).items()
        }
    assert wrong == {}


def read(text: str, folder: Path) -> Case:
    """The one case of a catalogue that has nothing else."""
    for name in ("dtypes.toml", "module.schema.json"):
        shutil.copy(data_folder("cases") / name, folder)
    head = 'why = "Drawn."\n[defaults]\nroutes = ["schema", "dat", "forward"]\n'
    (folder / "generated.toml").write_text(head + text, encoding="utf-8")
    (case,) = load_catalogue(folder).values()
    return native.resolve(case)


def prepare(case: Case, folder: Path, keeper: PeerKeeper) -> Job:
    entries = native.entries(case)
    write_whole(folder / "expected.dat", encode_state_dict(entries))
    return Job(case, "", "cpu", "cpu", entries, folder / "expected.dat", folder / "actual.dat", keeper)


def carry(job: Job, name: str, direction: str) -> Mapping[str, Verdict]:
    """The verdicts of a journey that are not what is due."""
    route = ROUTES[name]
    checks = route.checks(job.case, direction)
    if not checks or (name == "forward" and not is_tame(job)):
        return {}
    journey = Job(**{**vars(job), "route": name, "artifact": job.artifact.with_name(f"{name}.{direction}.dat")})
    found = route.directions[direction](journey)
    theirs = parameters_first(job)
    wrong = {check: found[check] for check in checks if found[check].kind is not Kind.PASS}
    if wrong.get("order") == held(theirs, job, {Kind.ORDER}):
        del wrong["order"]
        if direction == DOTNET_TO_PYTHON and same_file(encode_state_dict(theirs), journey.artifact).kind is Kind.PASS:
            del wrong["bytes"]
    return wrong


def is_tame(job: Job) -> bool:
    """Whether Python's own forward pass is within half the bound of float64's.

    If not, the draw magnifies what is rounded, as a norm of values does that are nearly the same: another kernel's last
    bit may pass the bound. float64 has no better reference; float32 tells of it.
    """
    case, given = job.case, make_inputs(job.case)
    trial = BY_NAME["f32" if case.dtype == "f64" else case.dtype]
    rough, exact = (
        native.forward(native.filled(case, job.entries).to(native.torch_dtype(dtype)), case, given, dtype)
        for dtype in (trial, BY_NAME["f64"])
    )
    verdict = within(rough, rough, exact, load_bounds()[trial.name] / 2)
    event(f"forward pass: {'tame' if verdict.kind is Kind.PASS else 'magnifies'}")
    return verdict.kind is Kind.PASS


def parameters_first(job: Job) -> StateDict:
    """The case's bits in the order of TorchSharp's state_dict() (cases/divergences/model.toml, state-dict-order)."""
    is_buffer = {spec.name: spec.buffer for spec in job.case.tensors}
    return sorted(job.entries, key=lambda entry: is_buffer[entry.name])
