"""Hostile files end in one sentence, or in the right bits, within 10 seconds and 1 GB; nothing in them is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from files.by_hand.templates import numbered
from files.hostile.made import write
from files.hostile.rows import Row, rows

ROWS = rows()
SECONDS, MEMORY = 10, 1 << 30
_MOST_SENTENCE = 2000
"""Bytes of UTF-8, without the path."""
READER = Path(__file__).with_name("hostile_reader.py")

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the limits are Linux's")


class Reader:
    """The process that reads. A new one is started where the last one died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, options: dict[str, str]) -> Any:
        """What came of the file. Raises EOFError if the process died."""
        if self._process is None:
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "PYTHONWARNINGS": "error",
            }
            self._process = subprocess.Popen(
                [sys.executable, READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        process = self._process
        assert process.stdin
        assert process.stdout
        print(json.dumps({"path": str(path), "options": options}), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            self.close()
            raise EOFError(f"the process that read it ended: {process.returncode}")
        return json.loads(line)

    def close(self) -> None:
        process, self._process = self._process, None
        if process and process.stdin and process.stdout:
            process.stdin.close()
            process.wait()
            process.stdout.close()


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """A process for all rows of this one."""
    made = Reader()
    yield made
    made.close()


def is_one_sentence(sentence: str, path: Path) -> bool:
    """Whether a terminal can show it: printable, not empty, not too long."""
    short = sentence.replace(str(path), "")
    return bool(short.strip()) and short.isprintable() and len(sentence.encode()) <= _MOST_SENTENCE


def hashed(row: Row) -> dict[str, str]:
    """What the row expects: dtype, shape and SHA-256 of each tensor, ``count`` of them if there are many."""
    found: dict[str, str] = {}
    for number in range(row.get("count", 1)):
        for name, words in numbered(row["tensors"], number).items():
            description, _, bits = words.rpartition(" ")
            found[name] = f"{description} {row['hashes'][bits]}"
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_hostile_file(name: str, reader: Reader, tmp_path: Path) -> None:
    row: Row = ROWS[name]
    path = write(row, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = reader.read(path, row.get("options", {}))
    if "tensors" not in row:
        assert found["refused"], found
        assert is_one_sentence(found["sentence"], path), found["sentence"][:3000]
        assert row.get("error", "") in found["sentence"]
    else:
        assert found["tensors"] == hashed(row), found["sentence"]
    assert all(is_one_sentence(note, path) for note in found["notes"]), found["notes"]
    assert found["seconds"] <= SECONDS
    assert found["memory"] <= MEMORY
    assert sorted(tmp_path.rglob("*")) == before
