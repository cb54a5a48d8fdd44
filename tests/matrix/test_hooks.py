"""How many workers a run has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.matrix import hooks
from tscompat.matrix.hooks import SELECTION, pytest_xdist_auto_num_workers
from tscompat.matrix.selection import Selection
from tscompat.values.verdict import VerdictId


def workers(run: str, cases: int, cores: int) -> int:
    ids = [VerdictId("dat", "python-to-dotnet", "cpu", f"case/{number}/f32", "bits") for number in range(cases)]
    stash = {SELECTION: Selection(ids, {})}
    config: Any = SimpleNamespace(option=SimpleNamespace(tscompat_run=run), stash=stash)
    hook = pytest_xdist_auto_num_workers(config)
    next(hook)
    with pytest.raises(StopIteration) as answered:
        hook.send(cores)
    return answered.value.value


@pytest.mark.parametrize(("run", "expected"), [("default", 6), ("full", 2), ("large", 1)])
def test_there_are_as_many_as_memory_lasts(run: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "total_memory", lambda: 24 << 30)
    assert workers(run, cases=100, cores=8) == expected


@pytest.mark.parametrize(("cases", "expected"), [(0, 0), (1, 0), (2, 2), (3, 3), (9, 4)])
def test_there_are_no_more_than_cases_and_none_for_one(
    cases: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "total_memory", lambda: 1 << 40)
    assert workers("default", cases, cores=4) == expected
