"""What only a large run takes, and what a machine must have for it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tscompat.catalogue import load_catalogue
from tscompat.matrix import worker
from tscompat.matrix.plugin import pytest_xdist_auto_num_workers, selected_ids

CASE = load_catalogue()["large/elements-above-2-31/u8"]


def families(run: str) -> set[str]:
    options = SimpleNamespace(tscompat_route=[], tscompat_device=[], tscompat_run=run)
    config: Any = SimpleNamespace(option=options)
    return {each.case.split("/")[0] for each in selected_ids(config)}


@pytest.mark.parametrize("run", ["default", "full"])
def test_no_other_run_takes_a_large_case(run: str) -> None:
    assert "large" not in families(run)


def test_a_large_run_takes_nothing_else() -> None:
    assert families("large") == {"large"}


@pytest.mark.parametrize(("run", "workers"), [("default", 6), ("full", 2), ("large", 1)])
def test_there_are_as_many_workers_as_memory_lasts(run: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=24 << 30))
    config: Any = SimpleNamespace(option=SimpleNamespace(tscompat_run=run))
    hook = pytest_xdist_auto_num_workers(config)
    next(hook)
    with pytest.raises(StopIteration) as answered:
        hook.send(8)
    assert answered.value.value == workers


@pytest.mark.parametrize(
    ("memory", "disk", "reason"),
    [
        (9 << 30, 1 << 40, "needs 10.0 GiB of memory, 9.0 are free"),
        (1 << 40, 4 << 30, "needs 4.0 GiB in the temporary folder, 4.0 are free"),
        (1 << 40, 1 << 40, None),
    ],
)
def test_a_case_says_what_it_needs(
    memory: int, disk: int, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))
    monkeypatch.setattr(worker.shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))
    assert worker.too_large(CASE, tmp_path) == reason


def test_a_small_case_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    assert worker.too_large(load_catalogue()["role/both/bf16"], tmp_path) is None
