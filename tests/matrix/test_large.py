"""What a machine must have for a large case."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tscompat.catalogue import load_catalogue
from tscompat.matrix import worker

CASE = load_catalogue()["large/elements-above-2-31/u8"]


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
