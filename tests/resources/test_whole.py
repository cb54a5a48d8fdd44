"""A file appears whole or not at all: what stood there stays until then, and nothing is left beside it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import Buffer

from tscompat.resources.whole import remove_unfinished, whole, write_whole


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_holds_the_buffers_in_their_order(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", [b"one", bytes(1 << 20), b"", b"three"])
    assert contents(tmp_path) == {"a": b"one" + bytes(1 << 20) + b"three"}


@pytest.mark.parametrize(
    "data", [b"", b"abc", memoryview(b"abcdefgh").cast("I"), np.arange(4.0).reshape(2, 2), np.zeros((0, 3))]
)
def test_any_buffer_is_taken(data: Buffer, tmp_path: Path) -> None:
    with whole(tmp_path / "a") as file:
        assert file.write(data) == memoryview(data).nbytes
    assert contents(tmp_path) == {"a": memoryview(data).tobytes()}


def test_goes_on_where_a_write_stopped_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def write_little(descriptor: int, data: memoryview) -> int:
        return write(descriptor, data[:1000])

    monkeypatch.setattr(os, "write", write_little)
    data = bytes(range(256)) * 40
    write_whole(tmp_path / "a", [data])
    assert contents(tmp_path) == {"a": data}


def test_replaces_the_file_that_stood_there(tmp_path: Path) -> None:
    for data in (b"longer", b"new"):
        write_whole(tmp_path / "a", [data])
    assert contents(tmp_path) == {"a": b"new"}


def test_what_stood_there_stays_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    with whole(tmp_path / "a") as file:
        file.write(b"new")
        assert (tmp_path / "a").read_bytes() == b"before"


def test_a_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "a", [])
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def linked(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no right to make links here")


@pytest.mark.parametrize("before", [[], ["there"]], ids=["dangling", "to a file"])
def test_a_link_stays_a_link(before: list[str], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in before:
        (tmp_path / "folder" / name).write_bytes(b"before")
    linked(tmp_path / "a", Path("folder", "there"))
    write_whole(tmp_path / "a", [b"new"])
    assert ((tmp_path / "a").is_symlink(), contents(tmp_path / "folder")) == (True, {"there": b"new"})


def test_a_link_at_the_name_beside_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def known(size: int) -> str:
        return "known"

    monkeypatch.setattr("secrets.token_hex", known)
    (tmp_path / "mine").write_bytes(b"mine")
    linked(tmp_path / ".tscompat-known.tmp", tmp_path / "mine")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", [b"new"])
    assert (tmp_path / "mine").read_bytes() == b"mine"


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def interrupted() -> Iterator[Buffer]:
    yield bytes(1 << 20)
    raise KeyboardInterrupt


def released() -> Iterator[Buffer]:
    view = memoryview(bytes(1 << 20))
    view.release()
    yield from (bytes(1 << 20), view)


@pytest.mark.parametrize(("buffers", "error"), [(interrupted, KeyboardInterrupt), (released, ValueError)])
@pytest.mark.parametrize("before", [{}, {"a": b"before"}], ids=["new", "replaced"])
def test_a_failure_midway_leaves_everything_as_it_was(
    buffers: Callable[[], Iterator[Buffer]], error: type[BaseException], before: dict[str, bytes], tmp_path: Path
) -> None:
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(error):
        write_whole(tmp_path / "a", buffers())
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("owner", "call", "error"),
    [
        (os, "write", OSError(errno.ENOSPC, "No space left on device")),
        (Path, "replace", OSError(errno.ENOSPC, "No space left on device")),
        (Path, "replace", PermissionError("somebody reads it")),
        (Path, "replace", KeyboardInterrupt()),
    ],
)
def test_a_system_call_that_fails_leaves_everything_as_it_was(
    owner: object, call: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"before")
    monkeypatch.setattr(owner, call, raising(error))
    with pytest.raises(type(error)):
        write_whole(tmp_path / "a", [b"new"])
    assert contents(tmp_path) == {"a": b"before"}


def test_the_name_of_a_missing_folder_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        write_whole(tmp_path / "missing" / "a", [])


def test_a_full_disk_is_named_by_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match=f"No space left on device: {str(tmp_path)!r}"):
        write_whole(tmp_path / "a", [b"one"])


def test_what_a_killed_process_left_can_be_removed(tmp_path: Path) -> None:
    """Of all else in the folder nothing is touched, also what another process may be writing."""
    (tmp_path / "results.json").touch()
    (tmp_path / ".tscompat-1.tmp").touch()
    os.utime(tmp_path / ".tscompat-1.tmp", (0, 0))
    with whole(tmp_path / "a") as file:
        file.write(b"1")
        remove_unfinished(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"results.json", "a"}
