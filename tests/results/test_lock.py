"""The lock of an output folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tscompat.results.lock import FolderInUse, lock


def test_a_folder_is_held_by_one_run(tmp_path: Path) -> None:
    held = lock(tmp_path / "out")
    with pytest.raises(
        FolderInUse, match=rf"process {os.getpid()}, started \d{{4}}-.* writes into .*out: wait for its"
    ):
        lock(tmp_path / "out")
    held.release()


def test_the_files_of_the_lock_keep_their_names_as_two_versions_may_run(tmp_path: Path) -> None:
    held = lock(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {".lock", ".lock-holder"}
    held.release()


def test_a_folder_that_was_let_go_can_be_held(tmp_path: Path) -> None:
    lock(tmp_path / "new" / "out").release()
    lock(tmp_path / "new" / "out").release()


def test_a_held_folder_whose_holder_left_no_name(tmp_path: Path) -> None:
    held = lock(tmp_path)
    (tmp_path / ".lock-holder").unlink()
    with pytest.raises(FolderInUse, match="another run writes into"):
        lock(tmp_path)
    held.release()


def test_what_a_killed_run_left_unfinished_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".tscompat-0123456789abcdef.tmp").touch()
    os.utime(tmp_path / ".tscompat-0123456789abcdef.tmp", (0, 0))
    held = lock(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {".lock", ".lock-holder"}
    held.release()
