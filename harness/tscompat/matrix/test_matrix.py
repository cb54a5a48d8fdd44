"""The one test: every verdict is an item, in pytest's own words. May import matrix.

pass = passed, an expected divergence = xfailed, not-run = skipped with its reason, everything else = failed.
"""

from __future__ import annotations

import msgspec
import pytest

from tscompat.dotnet_side.process import PeerBroken
from tscompat.values.verdict import VerdictId
from tscompat.verdicts.divergences import Outcome

from .controller import BROKEN, DOTNET_SECONDS, RECORD
from .plugin import selected_ids
from .worker import Worker


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item a verdict, named like it."""
    metafunc.parametrize("verdict_id", [pytest.param(each, id=str(each)) for each in selected_ids(metafunc.config)])


def test_verdict(verdict_id: VerdictId, worker: Worker, request: pytest.FixtureRequest) -> None:
    """Carry, compare, judge."""
    try:
        record, dotnet_seconds = worker.decide(verdict_id)
    except PeerBroken as broken:
        request.node.user_properties.append((BROKEN, str(broken)))
        pytest.fail(str(broken), pytrace=False)
    written = msgspec.json.encode(record).decode("utf-8")
    request.node.user_properties += [(RECORD, written), (DOTNET_SECONDS, dotnet_seconds)]
    found = f"{record.verdict}: {record.detail}"
    match record.outcome:
        case Outcome.PASSED:
            return
        case Outcome.DIVERGENCE:
            pytest.xfail(f"{record.divergence}: {found}")
        case Outcome.NOT_RUN:
            pytest.skip(record.detail)
        case Outcome.FAILED:
            pytest.fail(f"{found}\n{record.reason}\nagain: {record.rerun}", pytrace=False)
