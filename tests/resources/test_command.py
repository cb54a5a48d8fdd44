"""A command's streams and signals: closed, broken, of a small character set, missing on this system."""

from __future__ import annotations

import importlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tscompat.resources import command
from tscompat.resources.command import Pipe

BEGIN = "import os, signal, sys; from tscompat.resources.command import begin_command; begin_command()\n"
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no shell that closes a stream, and other signals")


def run(script: str, before: str = ":", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a process of its own, after a line of the shell."""
    line = f'{before}; exec "$0" -c "$1"'
    command_line = ["/bin/sh", "-c", line, sys.executable, BEGIN + script]
    return subprocess.run(command_line, capture_output=True, env={**os.environ, **variables}, check=False)


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one(closed: str) -> None:
    script = "print(1, flush=True); print(2, file=sys.stderr, flush=True); sys.exit(7 if sys.stdin.read() == '' else 8)"
    assert run(script, f"exec </dev/null {closed}").returncode == 7


@posix
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """Else it would get what other processes print."""
    script = f"with open({str(tmp_path / 'file')!r}, 'w'): os.write(1, b'printed')"
    assert run(script, "exec >&-").returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_process_goes_on_when_nobody_reads_it(stream: str) -> None:
    script = f"for _ in range(99): print('x' * 9999, file=sys.{stream}, flush=True)\nsys.exit(7)"
    read, write = os.pipe()
    os.close(read)
    stdout, stderr = (write if stream == each else subprocess.DEVNULL for each in ("stdout", "stderr"))
    done = subprocess.run([sys.executable, "-c", BEGIN + script], check=False, stdout=stdout, stderr=stderr)
    os.close(write)
    assert done.returncode == 7


@pytest.fixture
def unread() -> Iterator[Pipe]:
    """A pipe that nobody reads, and that has failed once."""
    read, write = os.pipe()
    os.close(read)
    pipe = Pipe(write, "wb")
    assert pipe.write(memoryview(b"abcdefgh").cast("I")) == 8
    yield pipe
    pipe.close()


def test_what_another_process_writes_to_a_broken_pipe_goes_nowhere_too(unread: Pipe) -> None:
    assert os.write(unread.fileno(), b"more") == 4


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux has a file that refuses a write as Windows does")
def test_windows_has_another_error_for_a_broken_pipe() -> None:
    pipe = Pipe(os.eventfd(0), "wb")
    assert pipe.write(b"no eight bytes") == 14
    pipe.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_any_other_error_is_raised_once_and_names_the_stream() -> None:
    pipe = Pipe(os.open("/dev/full", os.O_WRONLY), "wb")
    pipe.name = "<stdout>"
    with pytest.raises(OSError, match=r"No space left on device: '<stdout>'"):
        pipe.write(b"text")
    assert pipe.write(b"text") == 4
    pipe.close()


@posix
@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "… → 名"), ("ascii", r"\u2026 \u2192 \u540d"), ("cp1252", "… \\u2192 \\u540d")],
    ids=["utf-8", "LC_ALL=C", "Windows"],
)
def test_a_character_that_a_stream_lacks_is_shown_by_its_number(encoding: str, expected: str) -> None:
    done = run("print('… → 名')", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.stdout.decode(encoding).strip() == expected


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_process_is_as_ctrl_c(name: str) -> None:
    script = f"try: os.kill(os.getpid(), signal.{name}); signal.pause()\nexcept KeyboardInterrupt: sys.exit(7)"
    assert run(script).returncode == 7


@posix
def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    assert run("os.kill(os.getpid(), signal.SIGHUP); sys.exit(7)", "trap '' HUP").returncode == 7


@posix
def test_a_second_signal_does_not_disturb_what_tidies_up() -> None:
    script = (
        "from tscompat.resources.command import tidy_up_undisturbed; tidy_up_undisturbed()\n"
        "os.kill(os.getpid(), signal.SIGTERM); sys.exit(7)"
    )
    assert run(script).returncode == 7


def test_a_system_without_a_signal_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no SIGHUP."""
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    importlib.reload(command)
    before = signal.getsignal(signal.SIGTERM)
    command.tidy_up_undisturbed()
    assert signal.signal(signal.SIGTERM, before) is signal.SIG_IGN
    monkeypatch.undo()
    importlib.reload(command)


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console of Windows is no file: written to as one, it would lack characters."""

    def ignored(number: int) -> signal.Handlers:
        return signal.SIG_IGN

    monkeypatch.setattr(signal, "getsignal", ignored)  # this process keeps its own handlers
    monkeypatch.setattr(command, "WINDOWS", True)
    terminal = io.TextIOWrapper(Terminal(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    command.begin_command()
    assert (sys.stdout is terminal, terminal.errors) == (True, "backslashreplace")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_what_is_written_to_a_closed_terminal_goes_nowhere() -> None:
    master, terminal = os.openpty()
    os.close(master)
    with command.Pipe(terminal, "wb") as pipe:
        assert [pipe.write(b"one"), pipe.write(b"two")] == [3, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="it is killed")
def test_what_python_is_to_write_at_once_is_written_at_once() -> None:
    program = """if True:
        import os
        from tscompat.resources.command import begin_command
        begin_command()
        print("out")
        os.kill(os.getpid(), 9)"""
    ended = subprocess.run([sys.executable, "-u", "-c", program], capture_output=True, check=False)
    assert ended.stdout == b"out\n"
