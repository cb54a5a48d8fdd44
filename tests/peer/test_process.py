"""Peers that hang, die, eat memory, or never start: each is noticed and named. These peers are little scripts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tscompat.peer.process import Peer, PeerBroken, PeerDied, PeerKeeper
from tscompat.verdict import Kind

GIB = 1 << 30
READY = "import json, os, sys, time\nprint(json.dumps({'ready': {}}), flush=True)\n"
ECHO = READY + "for line in sys.stdin: print(line, end='', flush=True)\n"
Start = Callable[..., Peer]


@pytest.fixture
def start(tmp_path: Path):
    """Starts a script as a peer, and closes it in the end."""
    peers: list[Peer] = []

    def start(script: str, memory_limit: int = GIB) -> Peer:
        peers.append(Peer([sys.executable, "-c", script], tmp_path / "log", memory_limit))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


def test_an_answer_is_what_the_peer_says(start: Start):
    assert start(ECHO).call("x", part=1) == {"call": "x", "part": 1}


def test_death_in_a_call_is_a_crash(start: Start):
    with pytest.raises(PeerDied, match="the peer died with exit code 7") as died:
        start(READY + "sys.stdin.readline(); os._exit(7)").call("x")
    assert died.value.kind is Kind.CRASH


@pytest.mark.skipif(os.name != "posix", reason="signals have names on POSIX alone")
def test_a_signal_is_named(start: Start):
    with pytest.raises(PeerDied, match="the peer died with signal SIGABRT"):
        start(READY + "sys.stdin.readline(); os.abort()").call("x")


def test_no_answer_is_a_timeout(start: Start):
    with pytest.raises(PeerDied, match="no answer before the deadline") as died:
        start(READY + "time.sleep(600)").call("x", seconds=0.3)
    assert died.value.kind is Kind.TIMEOUT


def test_too_much_memory_is_noticed(start: Start):
    with pytest.raises(PeerDied, match="more than 100 MiB") as died:
        start(READY + "sys.stdin.readline(); hog = b'x' * (300 << 20); time.sleep(600)", 100 << 20).call("x")
    assert died.value.kind is Kind.MEMORY


def test_a_peer_that_does_not_start_says_why(start: Start):
    with pytest.raises(PeerBroken, match=r"did not start: the peer died with exit code 1\n(?s:.*)ZeroDivisionError"):
        start("1 / 0")


def test_a_refusal_is_no_answer(start: Start):
    with pytest.raises(PeerBroken, match="the peer refused: no such call"):
        start(READY + "sys.stdin.readline(); print(json.dumps({'refusal': 'no such call'}), flush=True)").call("x")


def test_a_peer_leaves_when_its_pipe_closes(start: Start):
    peer = start(ECHO)
    peer.close()
    assert not psutil.pid_exists(peer.pid)


def test_a_keeper_replaces_a_peer_that_died_idle_without_a_word(start: Start):
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


def test_a_keeper_goes_on_after_a_crash(start: Start):
    scripts = iter([READY + "sys.stdin.readline(); os._exit(7)", ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    with pytest.raises(PeerDied):
        keeper.call("x")
    assert keeper.call("y") == {"call": "y"}


def test_a_keeper_gives_up_on_peers_that_do_not_start(start: Start):
    starts: list[int] = []

    def broken() -> Peer:
        starts.append(1)
        return start("import sys; sys.exit(1)")

    with pytest.raises(PeerBroken, match="did not start"):
        PeerKeeper(broken).call("x")
    assert len(starts) == 3


def test_a_keeper_gives_up_on_peers_that_die_all_the_time(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tscompat.peer.process.MAX_DEATHS", 1)
    keeper = PeerKeeper(lambda: start(READY + "sys.stdin.readline(); os._exit(7)"))
    for _ in range(2):
        with pytest.raises(PeerDied):
            keeper.call("x")
    with pytest.raises(PeerBroken, match="died 2 times"):
        keeper.call("x")
