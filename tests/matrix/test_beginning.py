"""The run folder: each run makes one, and removes those of dead runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from tscompat.matrix.beginning import make_run_folder


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The folder of a run whose process has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = tmp_path / f"tscompat-run-{ended.pid}-abc"
    (folder / "gw0").mkdir(parents=True)
    (folder / ".lock").touch()
    return folder


def test_what_a_killed_run_left_is_removed(dead: Path) -> None:
    folder, lock = make_run_folder(dead.parent)
    lock.release()
    assert [*dead.parent.iterdir()] == [folder]


def test_a_run_in_another_container_keeps_its_folder(dead: Path) -> None:
    """It has its own process ids, so its process seems to have ended."""
    with filelock.FileLock(dead / ".lock"):
        make_run_folder(dead.parent)[1].release()
        assert dead.exists()


def test_two_runs_keep_their_folders(tmp_path: Path) -> None:
    first, lock = make_run_folder(tmp_path)
    make_run_folder(tmp_path)[1].release()
    lock.release()
    assert first.exists()
