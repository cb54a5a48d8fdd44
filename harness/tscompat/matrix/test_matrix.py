"""The one test: every verdict is an item, in pytest's own words. May import matrix.

pass = passed, an expected divergence = xfailed, not-run = skipped with its reason, everything else = failed.
"""

from __future__ import annotations

import json

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
    request.node.user_properties += [(RECORD, json.dumps(record.as_json())), (DOTNET_SECONDS, dotnet_seconds)]
    verdict, judgement = record.verdict, record.judgement
    told = f"{verdict.kind}: {verdict.detail}"
    match judgement.outcome:
        case Outcome.PASSED:
            return
        case Outcome.DIVERGENCE:
            pytest.xfail(f"{judgement.divergence}: {told}")
        case Outcome.NOT_RUN:
            pytest.skip(verdict.detail)
        case Outcome.FAILED:
            pytest.fail(f"{told}\n{judgement.reason}\nagain: {record.rerun}", pytrace=False)
