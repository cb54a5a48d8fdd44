"""What the tests of routes share: a job of any case, with the real peer or a double of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob
from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job


@pytest.fixture
def make_job(tmp_path: Path, keeper: PeerKeeper) -> MakeJob:
    """Writes the case's bits to expected.dat in the test's folder; the job's artifact is actual.dat there."""

    def make_job(case_id: str, route: str, peer: Client | None = None, script: Script | None = None) -> Job[Any]:
        case = load_catalogue()[case_id]
        specs = native.specs_of(case)
        entries = native.entries_of(case, specs)
        write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
        return Job(
            case=case,
            subject=case.subject,
            specs=specs,
            entries=entries,
            expected_file=tmp_path / "expected.dat",
            artifact=tmp_path / "actual.dat",
            overload=ROUTES[route].overload,
            writer_device="cpu",
            reader_device="cpu",
            peer=peer or keeper,
            script=script,
        )

    return make_job
