"""Only regular files are opened; what else lies at a path is named."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tscompat.files.item import ModelFileError
from tscompat.files.source import opened


def refused(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        opened(path)
    return str(error.value)


def test_a_file_is_mapped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert bytes(opened(tmp_path / "a").data) == b"abc"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    assert "this is a named pipe" in refused(tmp_path / "a")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Windows has no such files")
def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have 100 bytes
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("a")
    assert "this is a socket" in refused(Path("a"))


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="Windows has no such files")
def test_a_device() -> None:
    assert "this is a device" in refused(Path("/dev/null"))
