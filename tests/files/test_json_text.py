"""JSON is decoded by type, within bounds; an error is half a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tscompat.files import json_text
from tscompat.files.item import ModelFileError
from tscompat.files.json_text import JsonError, decode, read


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}', dict[str, int]) == {"a": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no valid JSON: "),
        (b'{"a": 1', "no valid JSON: "),
        (b'{"a": "x"}', "expected a whole number, got text at '[...]'"),
        (b"[1]", "expected an object, got a list"),
        (b'{"a": 1, "b": ' + b"[" * 100_000, "expected a whole number, got a list"),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b'{"\xff": 1}', "JSON that is not UTF-8"),
    ],
)
def test_a_fault_is_stated(data: bytes, said: str) -> None:
    kind: type[Any] = list[Any] if data.startswith(b"[[") else dict[str, int]
    with pytest.raises(JsonError) as refused:
        decode(data, kind)
    assert str(refused.value).startswith(said)


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    monkeypatch.setattr(json_text, "MOST", 1)
    with pytest.raises(ModelFileError, match=r"a\.json: 2 bytes of JSON, where at most 1 are read"):
        read(tmp_path / "a.json", dict[str, int])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ModelFileError, match=r"a\.json: this is a named pipe"):
        read(tmp_path / "a.json", dict[str, int])
