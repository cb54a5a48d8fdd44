"""How much memory there is: the machine's, or a container's."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tscompat.resources import memory
from tscompat.resources.memory import available_memory, total_memory

V1, V2 = "memory/job/memory.limit_in_bytes", "job/memory.max"


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of groups, in which this process is in the group ``job/step`` of either version."""
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN", tmp_path / "own")
    (tmp_path / "own").write_text("5:cpu,cpuacct:/other\n4:memory:/job/step\n0::/job/step\n")
    return tmp_path / "groups"


def state(groups: Path, file: str, words: str) -> None:
    (groups / file).parent.mkdir(parents=True)
    (groups / file).write_text(words)


@pytest.mark.parametrize(
    "file", [V1, V2, V1.replace("job/", "job/step/"), V2.replace("job/", "job/step/"), "memory.max"]
)
def test_a_group_or_one_above_it_has_less_than_its_machine(groups: Path, file: str) -> None:
    state(groups, file, "1073741824\n")
    assert total_memory() == 1 << 30


@pytest.mark.parametrize(("file", "words"), [(V2, "max\n"), (V1, "9223372036854771712\n"), ("other/memory.max", "1")])
def test_no_limit_is_the_machine_s(groups: Path, file: str, words: str) -> None:
    state(groups, file, words)
    assert total_memory() == psutil.virtual_memory().total


def test_without_groups_it_is_the_machine_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "OWN", tmp_path / "none")
    assert total_memory() == psutil.virtual_memory().total


def test_no_more_is_available_than_a_container_has(groups: Path) -> None:
    state(groups, V2, "4096")
    assert available_memory() == 4096
