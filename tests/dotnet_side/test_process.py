"""Peers that hang, die, take too much memory or do not start: each is noticed. These peers are small scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from tscompat.dotnet_side.process import Peer, PeerBroken, PeerDied, PeerKeeper
from tscompat.values.verdict import Kind

GIB = 1 << 30
READY = "import json, os, sys, time\nprint(json.dumps({'ready': {}}), flush=True)\n"
ECHO = READY + "for line in sys.stdin: print(line, end='', flush=True)\n"
DIE = READY + "sys.stdin.readline(); os._exit(7)\n"
HANG = "time.sleep(20)\n"
HOG = READY + "sys.stdin.readline(); hog = b'x' * (300 << 20)\n" + HANG
LAUNCHER = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {script!r}])\n"
Start = Callable[..., Peer]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    """Starts a script as a peer, and closes it after the test."""
    peers: list[Peer] = []

    def start(script: str, memory_limit: int = GIB) -> Peer:
        peers.append(Peer([sys.executable, "-c", script], tmp_path / "log", memory_limit))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


def test_an_answer_is_what_the_peer_prints(start: Start) -> None:
    assert start(ECHO).call("x", part=1) == {"call": "x", "part": 1}


def test_death_in_a_call_is_a_crash(start: Start) -> None:
    with pytest.raises(PeerDied, match="the peer died with exit code 7") as died:
        start(DIE).call("x")
    assert died.value.kind is Kind.CRASH


@pytest.mark.skipif(os.name != "posix", reason="signals have names on POSIX alone")
def test_a_signal_is_named(start: Start) -> None:
    with pytest.raises(PeerDied, match="the peer died with signal SIGABRT"):
        start(READY + "sys.stdin.readline(); os.abort()").call("x")


def test_a_death_has_what_the_peer_logged_in_the_call(start: Start) -> None:
    log = "print({!r}, file=sys.stderr, flush=True)\n"
    with pytest.raises(PeerDied) as died:
        start("import sys\n" + log.format("before") + READY + "sys.stdin.readline()\n" + log.format("why")).call("x")
    assert died.value.log == "why"


def test_a_death_has_only_the_end_of_the_log(start: Start) -> None:
    with pytest.raises(PeerDied) as died:
        start(READY + "sys.stdin.readline()\nfor n in range(99): print(n, file=sys.stderr)").call("x")
    assert died.value.log.split() == [str(n) for n in range(79, 99)]


def test_no_answer_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline") as died:
        start(READY + HANG).call("x", seconds=0.3)
    assert died.value.kind is Kind.TIMEOUT


def test_a_request_that_is_not_read_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + HANG).call("x", seconds=0.3, more_than_a_pipe_holds="x" * (4 << 20))


def test_a_peer_that_closes_its_pipe_and_hangs_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + "sys.stdin.readline(); os.close(1)\n" + HANG).call("x", seconds=0.3)


def test_the_deadline_holds_where_memory_cannot_be_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "memory_info", denied)
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + HANG).call("x", seconds=0.3)


def test_an_idle_peer_has_no_deadline(start: Start) -> None:
    peer = start(ECHO)
    peer.call("x", seconds=0.2)
    time.sleep(0.4)
    assert peer.call("y") == {"call": "y"}


def test_too_much_memory_is_noticed(start: Start) -> None:
    with pytest.raises(PeerDied, match="more than 100 MiB") as died:
        start(HOG, 100 << 20).call("x")
    assert died.value.kind is Kind.MEMORY


def test_the_memory_behind_a_launcher_is_noticed(start: Start) -> None:
    with pytest.raises(PeerDied, match="more than 100 MiB"):
        start(LAUNCHER.format(script=HOG), 100 << 20).call("x")


def test_what_a_launcher_started_is_killed_too(start: Start) -> None:
    script = READY + "time.sleep(3); print('alive', file=sys.stderr, flush=True)"
    with pytest.raises(PeerDied) as died:
        start(LAUNCHER.format(script=script)).call("x", seconds=0.3)
    assert died.value.log == ""


def test_a_peer_that_does_not_start_gives_its_reason(start: Start) -> None:
    with pytest.raises(PeerBroken, match=r"did not start: the peer died with exit code 1\n(?s:.*)ZeroDivisionError"):
        start("1 / 0")


def test_a_refusal_is_no_answer(start: Start) -> None:
    with pytest.raises(PeerBroken, match="the peer refused: no such call"):
        start(READY + "sys.stdin.readline(); print(json.dumps({'refusal': 'no such call'}), flush=True)").call("x")


def test_a_fault_of_ours_is_no_answer(start: Start) -> None:
    with pytest.raises(PeerBroken, match="a fault of ours in the peer: ZeroDivisionError"):
        start(READY + "sys.stdin.readline(); print(json.dumps({'fault': 'ZeroDivisionError'}), flush=True)").call("x")


def test_a_peer_leaves_when_its_pipe_closes(start: Start) -> None:
    peer = start(ECHO)
    peer.close()
    assert not psutil.pid_exists(peer.pid)


def test_a_keeper_replaces_a_peer_that_died_between_two_calls(start: Start) -> None:
    peers: list[Peer] = []

    def fresh() -> Peer:
        peers.append(start(ECHO))
        return peers[-1]

    keeper = PeerKeeper(fresh)
    keeper.call("x")
    psutil.Process(peers[0].pid).kill()
    while peers[0].alive:
        time.sleep(0.01)
    assert keeper.call("y") == {"call": "y"}


@pytest.mark.parametrize(("most", "same"), [(0, False), (GIB, True)])
def test_a_keeper_renews_a_peer_that_holds_too_much(start: Start, most: int, same: bool) -> None:
    keeper = PeerKeeper(lambda: start(ECHO))
    first = keeper.start()
    keeper.renew(most)
    assert (keeper.start() is first) is same


def test_a_keeper_goes_on_after_a_crash(start: Start) -> None:
    scripts = iter([DIE, ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    with pytest.raises(PeerDied):
        keeper.call("x")
    assert keeper.call("y") == {"call": "y"}


def test_a_keeper_replaces_a_peer_whose_call_was_interrupted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = iter([READY + "sys.stdin.readline(); os.close(1)\n" + HANG, ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    wait = subprocess.Popen[bytes].wait
    interrupts = [KeyboardInterrupt()]

    def interrupted(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if interrupts:
            raise interrupts.pop()
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keeper.call("x")
    assert keeper.call("y", seconds=2) == {"call": "y"}


def test_a_keeper_gives_up_on_peers_that_do_not_start(start: Start) -> None:
    starts: list[int] = []

    def broken() -> Peer:
        starts.append(1)
        return start("import sys; sys.exit(1)")

    with pytest.raises(PeerBroken, match="did not start"):
        PeerKeeper(broken).call("x")
    assert len(starts) == 3


def test_a_keeper_gives_up_on_peers_that_die_all_the_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.dotnet_side.process.MAX_DEATHS_IN_A_ROW", 2)
    keeper = PeerKeeper(lambda: start(DIE))
    for _ in range(2):
        with pytest.raises(PeerDied):
            keeper.call("x")
    with pytest.raises(PeerBroken, match="died 2 times in a row"):
        keeper.call("x")


def test_a_keeper_forgets_deaths_before_an_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.dotnet_side.process.MAX_DEATHS_IN_A_ROW", 2)
    scripts = iter([DIE, READY + "print(sys.stdin.readline(), end='', flush=True); sys.stdin.readline()", ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    with pytest.raises(PeerDied):
        keeper.call("x")
    keeper.call("x")
    with pytest.raises(PeerDied):
        keeper.call("x")
    assert keeper.call("y") == {"call": "y"}
