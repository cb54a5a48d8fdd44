"""What a process may map, and what it has taken, of this process itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tscompat.dotnet_side.inside.memory import Peak, limited


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process maps")
def test_a_load_can_map_little_more() -> None:
    with limited(64 << 20), pytest.raises(MemoryError):
        bytearray(1 << 30)
    bytearray(1 << 30)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux states the most that a process had")
def test_memory_that_is_given_back_was_taken() -> None:
    assert len(b"x" * (256 << 20)) > 0
    peak = Peak()
    assert len(b"x" * (64 << 20)) > 0
    assert 60 << 20 < peak.bytes() < 128 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux states the most that a process had")
def test_where_the_peak_cannot_begin_anew_a_new_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str, encoding: str) -> int:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "write_text", refuse)
    assert 0 <= Peak().bytes() < 64 << 20
