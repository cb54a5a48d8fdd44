"""The outside of a peer: start it, ask it with a deadline, watch its memory, notice its death. May import verdict.

A monitor thread kills the peer when a call outlives its deadline or its memory its limit; the blocked read then sees
the pipe close. No signals, no fork: the same on Windows and macOS by construction.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tscompat.verdict import Kind

START_SECONDS = 120.0
CALL_SECONDS = 60.0
MAX_STARTS_IN_VAIN = 3
MAX_DEATHS = 50


class PeerDied(Exception):
    """The peer died in a call; ``kind`` is crash, timeout or memory."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class PeerBroken(Exception):
    """No peer can be had, or it breaks the protocol: the run cannot go on."""


def inside(publish: Path) -> list[str]:
    """The command that starts the real peer."""
    return [sys.executable, "-X", "utf8", "-m", "tscompat.peer.inside", str(publish)]


class Peer:
    """One process that speaks the protocol of ``tscompat.peer.inside``.

    ``command`` starts it, ``log`` takes its stderr, ``memory_limit`` is in bytes.
    Raises PeerBroken with the log's last lines if it does not start.
    """

    def __init__(self, command: Sequence[str], log: Path, memory_limit: int) -> None:
        self._log = log
        self._memory_limit = memory_limit
        self._deadline: float | None = None
        self._fate: PeerDied | None = None
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        self._closed = threading.Event()
        threading.Thread(target=self._monitor, daemon=True).start()
        try:
            self.versions: dict[str, str] = self._read(START_SECONDS)["ready"]
        except PeerDied as died:
            self.close()
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise PeerBroken(f"the peer did not start: {died.detail}\n" + "\n".join(tail)) from None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def call(self, name: str, seconds: float = CALL_SECONDS, **description: Any) -> dict[str, Any]:
        """Ask, and wait for the answer at most ``seconds``.

        Raises BrokenPipeError when the peer was dead before it could be asked, PeerDied when it died in this call,
        PeerBroken when it refused (it does not know the call or its description).
        """
        assert self._process.stdin is not None
        request = json.dumps({"call": name, **description}) + "\n"
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except OSError as error:
            raise BrokenPipeError(f"the peer was gone: {error}") from error
        answer = self._read(seconds)
        if "refusal" in answer:
            raise PeerBroken(f"the peer refused: {answer['refusal']}")
        return answer

    def close(self) -> None:
        """Close the pipe, at which a peer leaves; kill it if it does not."""
        self._closed.set()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # gone with the peer
                    pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        self._deadline = time.monotonic() + seconds
        line = self._process.stdout.readline()
        self._deadline = None
        if line.endswith(b"\n"):
            return json.loads(line)
        code = self._process.wait()
        raise self._fate or PeerDied(Kind.CRASH, f"the peer died with {_cause(code)}")

    def _monitor(self) -> None:
        process = psutil.Process(self._process.pid)
        while not self._closed.wait(0.05):
            deadline = self._deadline
            try:
                if deadline is None:
                    continue
                if time.monotonic() > deadline:
                    self._kill(Kind.TIMEOUT, "no answer before the deadline")
                elif process.memory_info().rss > self._memory_limit:
                    self._kill(Kind.MEMORY, f"the peer took more than {self._memory_limit >> 20} MiB")
            except psutil.NoSuchProcess:
                return

    def _kill(self, kind: Kind, detail: str) -> None:
        self._fate = PeerDied(kind, detail)
        self._process.kill()


class PeerKeeper:
    """Keeps one live peer for a worker: replaces a dead one, and gives up for good after too many.

    ``start_peer`` makes a peer or raises PeerBroken.
    """

    def __init__(self, start_peer: Callable[[], Peer]) -> None:
        self._start_peer = start_peer
        self._peer: Peer | None = None
        self._deaths = 0
        self._given_up: PeerBroken | None = None

    def start(self) -> Peer:
        """The live peer, started now if there is none. Raises PeerBroken when none can be had."""
        if self._given_up:
            raise self._given_up
        if self._peer and not self._peer.alive:
            self.close()
            self._deaths += 1
        try:
            if self._deaths > MAX_DEATHS:
                raise PeerBroken(f"the peer died {self._deaths} times; something is wrong with all of them")
            self._peer = self._peer or self._started()
        except PeerBroken as broken:
            self._given_up = broken
            raise
        return self._peer

    def call(self, name: str, seconds: float = CALL_SECONDS, **description: Any) -> dict[str, Any]:
        """As ``Peer.call``, but a peer that had died idle is replaced and charged to nobody."""
        try:
            return self.start().call(name, seconds, **description)
        except BrokenPipeError:
            self.close()
            return self.start().call(name, seconds, **description)

    def close(self) -> None:
        """Let the peer go."""
        if self._peer:
            self._peer.close()
            self._peer = None

    def _started(self) -> Peer:
        for _ in range(MAX_STARTS_IN_VAIN - 1):
            try:
                return self._start_peer()
            except PeerBroken:
                time.sleep(1)
        return self._start_peer()


def _cause(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
