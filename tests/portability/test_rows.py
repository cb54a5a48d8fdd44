"""Rows of docs/portability.md on a real run, which decides four verdicts of Python's half.

The other rows are tested where their code is: tests/resources/test_command.py, tests/matrix/test_beginning.py,
tests/matrix/test_run.py (signals, two runs in one folder), tests/dotnet_side/test_build.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tscompat.results.file import load_results

RUN = '"$0" -m tscompat run -n 0 --no-dotnet -k "dat/python-to-dotnet/cpu/role/both and bytes and (u8 or i8)"'
VERDICTS = 4

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shell is of POSIX")


def shell(script: str, *before: str, **variables: str) -> tuple[int, str]:
    """Run a script of the shell, in which $0 is Python, by the command ``before``. Returns its exit code and output."""
    done = subprocess.run(
        [*before, "/bin/sh", "-c", script, sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )
    return done.returncode, done.stdout


def decided(out: Path) -> tuple[bool, int]:
    results = load_results(out / "results.json")
    return results.complete, len(results.verdicts)


def test_long_paths_with_spaces_and_umlauts(tmp_path: Path) -> None:
    """Of the output folder and of the temporary one, where a --full run has its files."""
    odd = tmp_path / "mit Leerzeichen" / "Größe ÄÖÜß 模型" / ("x" * 200)
    (odd / "tmp").mkdir(parents=True)
    code, output = shell(f'{RUN} --full --out "$OUT"', OUT=str(odd / "out"), TMPDIR=str(odd / "tmp"))
    assert code == 0, output
    assert (decided(odd / "out"), [*(odd / "tmp").iterdir()]) == ((True, VERDICTS), [])


def test_a_run_that_nobody_reads_comes_to_its_end(tmp_path: Path) -> None:
    _, output = shell(f"{{ {{ {RUN} --out {tmp_path} 2>&1; echo ended with $? >&3; }} | true; }} 3>&1")
    assert (output, decided(tmp_path)) == ("ended with 0\n", (True, VERDICTS))


def test_a_run_without_streams_comes_to_its_end(tmp_path: Path) -> None:
    code, _ = shell(f"{RUN} --out {tmp_path} <&- >&- 2>&-")
    assert (code, decided(tmp_path)) == (0, (True, VERDICTS))


def may_mount() -> bool:
    """Whether this user may mount a small disk in a namespace of its own."""
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=4k", "none", "/mnt"]
    try:
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not may_mount(), reason="this user cannot mount a disk of its own (unshare -m; mount)")
def test_a_full_disk_is_one_sentence_and_what_was_decided_is_there(tmp_path: Path) -> None:
    """The results do not fit on the disk; the file of before is whole."""
    script = f"""
        mount -t tmpfs -o size=8k none {tmp_path} && mkdir {tmp_path}/out && head -c 4000 /dev/zero > {tmp_path}/fill
        {RUN} --out {tmp_path}/out; code=$?
        ls -A {tmp_path}/out; exit $code"""
    code, output = shell(script, "unshare", "-m")
    lines = [line for line in output.splitlines() if "could not run" in line]
    assert (code, "Traceback" in output, ".tmp" in output) == (2, False, False), output
    assert lines == [f"ERROR: could not run: [Errno 28] No space left on device: '{tmp_path}/out'"]
