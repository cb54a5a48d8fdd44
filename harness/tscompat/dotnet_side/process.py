"""Starts peers, asks them with a deadline, watches their memory, notices their death. May import values.

A monitor thread kills the peer when a call passes its deadline or the peer passes its memory limit; the blocked read or
write then ends, because the pipe closes. No signals and no fork, so Windows and macOS work the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar, cast

import msgspec
import psutil

from tscompat.values.verdict import Kind

from .client import CALL_SECONDS
from .errors import Death, PeerBroken, PeerDied, cause
from .messages import TAKEN, Call, Fault, Ready, Refusal, Reply, Thrown, answers, decode_reply, encode

Answer = TypeVar("Answer")

START_SECONDS = 120.0
EXIT_SECONDS = 30.0
LOG_LINES = 20
MAX_STARTS_IN_VAIN = 3
MAX_DEATHS_IN_A_ROW = 20


def inside(publish: Path) -> list[str]:
    """The command that starts a peer with the published .NET. The peer ends when this process ends."""
    return [sys.executable, "-X", "utf8", "-m", "tscompat.dotnet_side.inside", str(publish), str(os.getpid())]


class Peer:
    """One process that speaks the protocol of ``tscompat.dotnet_side.inside``.

    ``command`` starts it, ``log`` takes its stderr; ``memory_limit``, in bytes, applies once the peer is ready.
    Raises PeerBroken with the log's last lines if it does not start.
    """

    def __init__(self, command: Sequence[str], log: Path, memory_limit: int) -> None:
        self._log = log
        self._memory_limit = memory_limit
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._fate: tuple[Kind, str] | None = None
        self._family: list[psutil.Process] = []
        self._accounted_for = False
        """Whether a call has reported its end, or this process has ended it."""
        self._call_began = log.stat().st_size if log.exists() else 0
        """The size of the log when the peer started, or before the last call that it took."""
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        self._closed = threading.Event()
        threading.Thread(target=self._monitor, daemon=True).start()
        try:
            ready = self._reply(b"", START_SECONDS).answer
        except PeerDied as died:
            self.close()
            raise PeerBroken(f"the peer did not start: {died.detail}\n{died.log}") from None
        if not isinstance(ready, Ready):
            self.close()
            raise PeerBroken(f"the peer did not start: its first message is {ready}")
        self.versions = ready.versions
        self._family = _family(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> tuple[Answer | Thrown, float]:
        """Send a call, and wait for its answer at most ``seconds``. Returns it, and the seconds spent inside .NET.

        Raises BrokenPipeError if the peer died before it took the call (``close`` returns that death); PeerDied if it
        died or was killed in this call; PeerBroken if it refuses the call, reports a fault of our own code in it, or
        answers with another type.
        """
        reply = self._reply(encode(call) + b"\n", seconds)
        match reply.answer:
            case Refusal(reason):
                raise PeerBroken(f"the peer refused: {reason}")
            case Fault(traceback):
                raise PeerBroken(f"our own code in the peer failed: {traceback}")
            case answer if isinstance(answer, Thrown) or answers(call, answer):
                return cast("Answer | Thrown", answer), reply.seconds
            case answer:
                raise PeerBroken(f"the peer answered {type(answer).__name__} to {type(call).__name__}")

    @property
    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        return sum(map(_memory, self._family))

    def close(self) -> PeerDied | None:
        """Close the pipe, which ends the peer; kill it if it does not end within ``EXIT_SECONDS``.

        Returns its death, unless a call has reported it: the peer was dead before, it had to be killed, or its exit
        code is not 0.
        """
        lived = self.alive
        self._closed.set()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # gone with the peer
                    pipe.close()
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
            return PeerDied(Kind.TIMEOUT, f"the peer did not end within {EXIT_SECONDS:.0f} seconds", self._logged())
        if self._accounted_for or (lived and code == 0):
            return None
        self._accounted_for = True
        return PeerDied(Kind.CRASH, f"the peer died with {cause(code)}", self._logged())

    def _reply(self, request: bytes, seconds: float) -> Reply:
        with ExitStack() as interrupted:
            interrupted.callback(self._end)  # else, after Ctrl-C, the next call would get this call's answer
            self._deadline = time.monotonic() + seconds
            line = self._round_trip(request)
            with self._lock:
                self._deadline = None  # from here on the monitor leaves the peer alone
            interrupted.pop_all()
        if line and not self._fate:
            try:
                return decode_reply(line)
            except msgspec.MsgspecError as error:
                raise PeerBroken(f"the peer sent a line that is no message: {error}: {line[:200]!r}") from error
        code = self._process.wait()
        if line is None and not self._fate:
            raise BrokenPipeError("the peer died before it took the call")
        self._accounted_for = True
        kind, detail = self._fate or (Kind.CRASH, f"the peer died with {cause(code)}")
        raise PeerDied(kind, detail, self._logged())

    def _round_trip(self, request: bytes) -> bytes | None:
        """The line that the peer answers; empty if it died instead, None if it did not take the request.

        Without a request, the line is the peer's first. Raises PeerBroken for an answer before TAKEN.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        begin = self._log.stat().st_size
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except OSError:
            self._process.wait()  # a peer can close its pipe and hang; the monitor ends this wait
            return None
        if request:
            taken = self._process.stdout.readline()
            if taken.endswith(b"\n") and taken != TAKEN:
                raise PeerBroken(f"the peer answered before it confirmed that it took the call: {taken[:200]!r}")
            if not taken:
                self._process.wait()
                return None
            self._call_began = begin
        line = self._process.stdout.readline()
        if line.endswith(b"\n"):
            return line
        self._process.wait()
        return b""

    def _logged(self) -> str:
        """The end of what the peer has logged since it started, or since the last call that it took began."""
        with self._log.open("rb") as log:
            log.seek(self._call_began)
            return b"".join(deque(log, LOG_LINES)).decode(errors="replace").strip()

    def _monitor(self) -> None:
        while not self._closed.wait(0.05):
            with self._lock:  # else the deadline of one call could kill the peer in the next
                if self._deadline is None or self._fate:
                    continue
                if time.monotonic() > self._deadline:
                    self._fate = Kind.TIMEOUT, "no answer before the deadline"
                elif self.memory > self._memory_limit:
                    self._fate = Kind.MEMORY, f"the peer took more than {self._memory_limit >> 20} MiB"
                if self._fate:
                    self._kill()

    def _kill(self) -> None:
        self._process.kill()
        for process in self._family:
            with suppress(psutil.Error):  # gone with its parent
                process.kill()

    def _end(self) -> None:
        self._accounted_for = True
        self._kill()
        self._process.wait()


class PeerKeeper:
    """Keeps one live peer for a worker: replaces a dead peer, and gives up for good after too many deaths in a row.

    ``start_peer`` makes a peer or raises PeerBroken. An answered call ends a row of deaths.
    """

    def __init__(self, start_peer: Callable[[], Peer]) -> None:
        self._start_peer = start_peer
        self._peer: Peer | None = None
        self._purpose = ""
        self._answered: str | None = None
        """The purpose of the last call that the present peer has answered; None if it has answered none."""
        self._deaths_in_a_row = 0
        self._given_up: PeerBroken | None = None
        self.deaths: list[Death] = []
        """The deaths after an answer that show only once the next purpose or the end has come."""
        self.dotnet_seconds = 0.0
        """Seconds spent inside .NET by all peers so far."""

    def start(self, purpose: str = "") -> Peer:
        """The live peer, started now if there is none. ``purpose`` is that of the calls from here on.

        Raises PeerBroken if none starts, if one died before its first call, or if too many died in a row, and then at
        every later call, too.
        """
        self._purpose = purpose
        return self._live()

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> Answer | Thrown:
        """As ``Peer.ask``, but if the peer died after its last answer, a new peer gets the call.

        That death goes into ``deaths``, or is raised as PeerDied if both calls have the same purpose.
        """
        try:
            answer, spent = self._live().ask(call, seconds)
        except BrokenPipeError:
            return self.ask(call, seconds)  # with a new peer; raises PeerBroken after too many deaths
        self._answered = self._purpose
        self._deaths_in_a_row = 0
        self.dotnet_seconds += spent
        return answer

    def renew(self, most: int) -> None:
        """Close a peer that holds more than ``most`` bytes, so that its memory does not count for the next case."""
        if self._peer and self._peer.alive and self._peer.memory > most:
            self.close()

    def close(self) -> None:
        """Close the peer, if there is one. A death at its exit goes into ``deaths``, if it has answered a call."""
        died = self._peer and self._peer.close()
        if died and self._answered is not None:
            self.deaths.append(Death(self._answered, died))
        self._peer = None
        self._answered = None

    def _live(self) -> Peer:
        if self._given_up:
            raise self._given_up
        try:
            if self._peer and not self._peer.alive:
                self._deaths_in_a_row += 1
                self._bury(self._peer)
            if self._deaths_in_a_row >= MAX_DEATHS_IN_A_ROW:
                count = self._deaths_in_a_row
                raise PeerBroken(f"the peer died {count} times in a row, so no single case is the cause")
            self._peer = self._peer or self._started()
        except PeerBroken as broken:
            self._given_up = broken
            raise
        return self._peer

    def _bury(self, peer: Peer) -> None:
        """Note the death of the peer, unless a call has reported it."""
        died = peer.close()
        answered, self._answered, self._peer = self._answered, None, None
        if died and answered is None:
            raise PeerBroken(f"the peer died before its first call: {died.detail}\n{died.log}")
        if died and answered is not None:
            if answered == self._purpose:
                raise died
            self.deaths.append(Death(answered, died))

    def _started(self) -> Peer:
        for _ in range(MAX_STARTS_IN_VAIN - 1):
            try:
                return self._start_peer()
            except PeerBroken:
                time.sleep(1)
        return self._start_peer()


def _family(pid: int) -> list[psutil.Process]:
    """A process and its children: on Windows a venv's python.exe is a launcher, whose child does the work."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    """Resident bytes; 0 if they cannot be read, so that only the deadline limits the peer."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
