"""The stamp of a file is another once it is written, replaced or removed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tscompat.resources.stamps import SMALL, stamps


def rewritten(path: Path) -> None:
    """Another byte, in the same clock tick: the times stay as they are."""
    times = path.stat()
    path.write_bytes(b"b" * times.st_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def later(path: Path) -> None:
    times = path.stat()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"a")


def replaced(path: Path) -> None:
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


@pytest.mark.parametrize(
    ("size", "change"),
    [
        (SMALL, rewritten),
        (SMALL + 1, later),
        (5, replaced),
        (5, longer),
        (5, Path.unlink),
    ],
    ids=["rewritten", "later", "replaced", "longer", "removed"],
)
def test_a_change_gives_another_stamp(tmp_path: Path, size: int, change: Callable[[Path], object]) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * size)
    before = stamps(file)
    change(file)
    assert stamps(file) != before


def test_a_file_that_is_read_keeps_its_stamp(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")
    before = stamps(file)
    file.read_bytes()
    assert stamps(file) == before != []


def test_a_folder_has_the_stamps_of_all_that_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("b", "a", "sub/c"):
        (folder / name).write_bytes(b"")
    assert [stamp.name for stamp in stamps(folder)] == [*("folder/a", "folder/b", "folder/sub", "folder/sub/c")]


@pytest.mark.skipif(sys.platform == "win32", reason="a link takes a privilege there")
def test_a_link_to_nothing_has_a_stamp(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert [stamp.name for stamp in stamps(tmp_path / "link")] == ["link"]


def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    assert stamps(tmp_path / "none") == []
