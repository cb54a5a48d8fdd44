"""How much memory there is: the machine's, or a container's."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tscompat.resources import memory
from tscompat.resources.memory import available_memory, total_memory


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("1073741824\n", 1 << 30), ("max\n", None), ("9223372036854771712\n", None), (None, None)],
    ids=["a container", "no limit, version 2", "no limit, version 1", "no container"],
)
def test_a_container_has_less_than_its_machine(
    stated: str | None, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMITS", (file,))
    if stated:
        file.write_text(stated)
    assert total_memory() == (expected or psutil.virtual_memory().total)


def test_no_more_is_available_than_a_container_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("4096")
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max",))
    assert available_memory() == 4096
