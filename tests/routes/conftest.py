"""What the tests of routes share: a job of any case, with a double of the peer or the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.client import Client
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side.models import native
from tscompat.python_side.scripts import Script
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Writes the case's bits to expected.dat in the test's folder; the job's artifact is actual.dat there.

    If a test gives no peer, the job has an honest one.
    """

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
            peer=peer or HonestPeer(case.subject),
            script=script,
        )

    return make_job


@pytest.fixture
def real_job(make_job: MakeJob, keeper: PeerKeeper) -> MakeJob:
    """As ``make_job``, but if a test gives no peer, the job has the real one: such a test needs .NET."""

    def real_job(case_id: str, route: str, peer: Client | None = None, script: Script | None = None) -> Job[Any]:
        return make_job(case_id, route, peer or keeper, script)

    return real_job
