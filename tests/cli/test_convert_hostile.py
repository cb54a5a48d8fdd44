"""The real command on hostile files, full outputs and signals: its code, one line, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
import torch

from files.hostile.made import write
from files.hostile.rows import rows

ROWS = rows()
HOSTILE = (
    *(
        "opcodes/cut/zip/REDUCE",
        "claims/text/plain/58ffffffff",
        "claims/expanded/4611686018427387904",
        "claims/expanded-dims/400",
    ),
    *("structures/doubled/zip", "structures/deep-lists/100000", "structures/self-module", "names/entry/0"),
    *("names/twelve/2", "names/dtype/0", "calls/run/zip/os system", "calls/scalar/f16", "zips/encrypted/1"),
    *("zips/bomb-bz2/100/data.pkl", "zips/record-twice", "safetensors/deep/0", "numpy/npz/objects", "dat/count/3"),
    *("index/shard/2", "index/none/fifo", "index/none/loop", "index/folder/link-to-zero/model_index.json"),
)
"""Rows of tests/files/hostile that end in a refusal: one of each kind."""
REFUSED, INTERRUPTED = 2, 130
LARGE = 400_000_000
"""Bytes of a model that takes long enough to write that a signal comes in between."""


def command(*arguments: str | Path, folder: Path, stdout: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "tscompat", "convert", *map(str, arguments)]
    return subprocess.Popen(words, text=True, env=environment, cwd=folder, stdout=stdout, stderr=subprocess.PIPE)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = write(ROWS[name], tmp_path)
    process = command(path, tmp_path / "out" / "a.dat", folder=tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == REFUSED, stderr[-2000:]
    lines = stderr.splitlines()
    refusals = [number for number, line in enumerate(lines) if line.startswith("could not convert: ")]
    assert len(refusals) == 1
    assert all(line.startswith("  ") for line in lines[refusals[0] + 1 :])  # a line for each tensor that does not fit
    assert all(line.replace(str(tmp_path), "").isprintable() for line in lines)
    assert len(stderr.encode()) < 4000
    assert [*(tmp_path / "out").iterdir()] == []
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(LARGE // 4)}, tmp_path / "a.pth")
    (tmp_path / "out").mkdir()
    process = command(tmp_path / "a.pth", tmp_path / "out" / "a.safetensors", folder=tmp_path)
    until = time.monotonic() + 60
    while not [*(tmp_path / "out").iterdir()] and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert (process.returncode, [*(tmp_path / "out").iterdir()]) == (INTERRUPTED, [])


def test_a_full_output_is_no_success(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = command(tmp_path / "a.pth", tmp_path / "a.safetensors", folder=tmp_path, stdout=full)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == REFUSED
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) == 1
