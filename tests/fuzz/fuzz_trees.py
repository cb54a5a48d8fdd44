"""Random modules, built on both sides and transferred by real routes: `nox -s fuzz`.

A draw fails unless all verdicts pass. One known difference is allowed, which all of TorchSharp's models have: they save
parameters before buffers. hypothesis makes a failing draw as small as it can, and prints it as a case for
cases/generated.toml.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings

from fuzz.strategy import Description, to_toml, trees
from tscompat.catalogue import Case, Model, load_catalogue
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side.models import native
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
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
            for check, verdict in wrong_verdicts(job, name, direction).items()
        }
    assert wrong == {}


def read(text: str, folder: Path) -> Case:
    """The case, read from a catalogue that has no other."""
    for name in ("dtypes.toml", "module.schema.json"):
        shutil.copy(data_folder("cases") / name, folder)
    head = 'why = "Drawn."\n[defaults]\nroutes = ["schema", "dat", "forward"]\n'
    (folder / "generated.toml").write_text(head + text, encoding="utf-8")
    (case,) = load_catalogue(folder).values()
    return case


def prepare(case: Case, folder: Path, keeper: PeerKeeper) -> Job[Model]:
    assert isinstance(case.subject, Model)
    specs = native.specs_of(case)
    entries = native.entries_of(case, specs)
    write_whole(folder / "expected.dat", encode_state_dict(entries))
    return Job(
        case=case,
        subject=case.subject,
        specs=specs,
        entries=entries,
        expected_file=folder / "expected.dat",
        artifact=folder / "actual.dat",
        overload="",
        writer_device="cpu",
        reader_device="cpu",
        peer=keeper,
    )


def wrong_verdicts(job: Job[Model], name: str, direction: str) -> Mapping[str, Verdict]:
    """The verdicts of a transfer that are not the expected ones."""
    route = ROUTES[name]
    checks = route.checks_of(job.case, direction)
    if not checks:
        return {}
    named = replace(job, overload=route.overload, artifact=job.artifact.with_name(f"{name}.{direction}.dat"))
    transfer = route.directions[direction](named)
    found = transfer.verdicts
    wrong = {check: found[check] for check in checks if found[check].kind is not Kind.PASS}
    for check in {"order", "bytes"} & wrong.keys():
        as_predicted = wrong[check].as_predicted
        if as_predicted and as_predicted(["parameters-before-buffers"]):
            del wrong[check]
    return wrong
