"""How the process of a command ends: one sentence, and a code that means no incompatibility."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tscompat.cli
from tscompat.__main__ import exit_code

posix = pytest.mark.skipif(os.name != "posix", reason="the shell is of POSIX")


def raises(error: BaseException) -> Callable[..., None]:
    def app(prog_name: str) -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SystemExit(1), 1, ""),
        (SystemExit(130), 130, "interrupted\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (PermissionError(13, "Permission denied", "out"), 2, "could not run: out: Permission denied\n"),
        (ImportError("libtorch_cpu.so: failed to map segment"), 2, "could not run: libtorch_cpu.so: failed to map "),
        (MemoryError(), 2, "could not run: out of memory\n"),
        (LookupError("ours"), 2, "Traceback"),
    ],
)
def test_each_end_has_its_code_and_words(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tscompat.cli, "app", raises(error))
    assert exit_code() == code
    assert capsys.readouterr().err.startswith(words)


@posix
@pytest.mark.parametrize(
    ("stdout", "code", "words"),
    [
        (">&-", 0, ""),
        ("| true", 0, ""),
        pytest.param(
            "> /dev/full",
            2,
            "could not run: <stdout>: No space left on device\n",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is full"),
        ),
    ],
)
def test_a_command_ends_well_whatever_its_output_is(stdout: str, code: int, words: str) -> None:
    line = f'{{ "$0" -m tscompat list "role/*"; echo $? >&3; }} {stdout}'
    command = ["/bin/sh", "-c", f"{{ {line}; }} 3>&1 1>/dev/null" if stdout != "| true" else f"{{ {line}; }} 3>&1"]
    done = subprocess.run([*command, sys.executable], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{code}\n", words)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process")
def test_ctrl_c_while_a_command_is_imported() -> None:
    script = (
        "import os, signal, sys, types\n"
        "class Slow:\n"
        "    def find_spec(self, name, *given):\n"
        f"        if name == 'tscompat.cli': os.kill(os.getpid(), {int(signal.SIGTERM)})\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from tscompat.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
