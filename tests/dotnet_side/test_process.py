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

from tscompat.dotnet_side import process
from tscompat.dotnet_side.errors import PeerBroken, PeerDied
from tscompat.dotnet_side.messages import NativeModule, Schema, SchemaFound
from tscompat.dotnet_side.process import Peer, PeerKeeper
from tscompat.values.verdict import Kind

GIB = 1 << 30
READY = """
import os, sys, time
from tscompat.dotnet_side.messages import Done, Fault, Ready, Refusal, Reply, SchemaFound, encode

def send(answer):
    sys.stdout.buffer.write(encode(Reply(answer, 0.5)) + b"\\n")
    sys.stdout.flush()

def take():
    line = sys.stdin.readline()
    if line:
        print(flush=True)  # the line TAKEN
    return line

send(Ready({}))
"""
ECHO = READY + "while take(): send(SchemaFound(()))\n"
DIE = READY + "take(); os._exit(7)\n"
HANG = "time.sleep(20)\n"
HOG = READY + "take(); hog = b'x' * (300 << 20)\n" + HANG
LAUNCHER = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {script!r}])\n"
CALL = Schema(NativeModule("arch", "mlp", "f32"))
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


def test_an_answer_is_what_the_peer_says(start: Start):
    assert start(ECHO).ask(CALL) == (SchemaFound(()), 0.5)


def test_death_in_a_call_is_a_crash(start: Start) -> None:
    with pytest.raises(PeerDied, match="the peer died with exit code 7") as died:
        start(DIE).ask(CALL)
    assert died.value.kind is Kind.CRASH


@pytest.mark.skipif(os.name != "posix", reason="signals have names on POSIX alone")
def test_a_signal_is_named(start: Start) -> None:
    with pytest.raises(PeerDied, match="the peer died with signal SIGABRT"):
        start(READY + "take(); os.abort()").ask(CALL)


def test_a_death_has_what_the_peer_logged_in_the_call(start: Start) -> None:
    log = "print({!r}, file=sys.stderr, flush=True)\n"
    with pytest.raises(PeerDied) as died:
        start("import sys\n" + log.format("before") + READY + "take()\n" + log.format("why")).ask(CALL)
    assert died.value.log == "why"


def test_a_death_has_only_the_end_of_the_log(start: Start) -> None:
    with pytest.raises(PeerDied) as died:
        start(READY + "take()\nfor n in range(99): print(n, file=sys.stderr)").ask(CALL)
    assert died.value.log.split() == [str(n) for n in range(79, 99)]


def test_no_answer_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline") as died:
        start(READY + HANG).ask(CALL, seconds=0.3)
    assert died.value.kind is Kind.TIMEOUT


def test_a_request_that_is_not_read_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + HANG).ask(Schema(NativeModule("arch", "more than a pipe holds" * (1 << 18), "f32")), seconds=0.3)


def test_a_peer_that_closes_its_pipe_and_hangs_is_a_timeout(start: Start) -> None:
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + "take(); os.close(1)\n" + HANG).ask(CALL, seconds=0.3)


def test_the_deadline_holds_where_memory_cannot_be_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "memory_info", denied)
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        start(READY + HANG).ask(CALL, seconds=0.3)


def test_an_idle_peer_has_no_deadline(start: Start) -> None:
    peer = start(ECHO)
    peer.ask(CALL, seconds=0.2)
    time.sleep(0.4)
    assert peer.ask(CALL)[0] == SchemaFound(())


def test_too_much_memory_is_noticed(start: Start) -> None:
    with pytest.raises(PeerDied, match="more than 100 MiB") as died:
        start(HOG, 100 << 20).ask(CALL)
    assert died.value.kind is Kind.MEMORY


def test_the_memory_behind_a_launcher_is_noticed(start: Start) -> None:
    with pytest.raises(PeerDied, match="more than 100 MiB"):
        start(LAUNCHER.format(script=HOG), 100 << 20).ask(CALL)


def test_what_a_launcher_started_is_killed_too(start: Start) -> None:
    script = READY + "time.sleep(3); print('alive', file=sys.stderr, flush=True)"
    with pytest.raises(PeerDied) as died:
        start(LAUNCHER.format(script=script)).ask(CALL, seconds=0.3)
    assert died.value.log == ""


def test_a_peer_that_does_not_start_gives_its_reason(start: Start) -> None:
    with pytest.raises(PeerBroken, match=r"did not start: the peer died with exit code 1\n(?s:.*)ZeroDivisionError"):
        start("1 / 0")


def test_a_refusal_is_no_answer(start: Start) -> None:
    with pytest.raises(PeerBroken, match="the peer refused: no such call"):
        start(READY + "take(); send(Refusal('no such call'))").ask(CALL)


def test_a_fault_of_ours_is_no_answer(start: Start) -> None:
    with pytest.raises(PeerBroken, match="our own code in the peer failed: ZeroDivisionError"):
        start(READY + "take(); send(Fault('ZeroDivisionError'))").ask(CALL)


def test_an_answer_to_another_call_is_no_answer(start: Start):
    with pytest.raises(PeerBroken, match="the peer answered Done to Schema"):
        start(READY + "take(); send(Done())").ask(CALL)


@pytest.mark.parametrize("line", ["{}", "not JSON", '{"answer": {"type": "done", "more": 1}, "seconds": 0}'])
def test_what_is_no_message_of_ours_is_no_answer(start: Start, line: str):
    with pytest.raises(PeerBroken, match="the peer sent a line that is no message: "):
        start(READY + f"take(); print({line!r}, flush=True)").ask(CALL)


def test_a_peer_leaves_when_its_pipe_closes(start: Start) -> None:
    peer = start(ECHO)
    peer.close()
    assert not psutil.pid_exists(peer.pid)


def test_an_answer_to_a_call_that_was_not_taken_is_none(start: Start) -> None:
    with pytest.raises(PeerBroken, match="the peer answered before it confirmed that it took the call"):
        start(READY + "sys.stdin.readline(); send(SchemaFound(()))").ask(CALL)


@pytest.mark.parametrize(("code", "cause"), [(0, None), (7, "exit code 7")])
def test_an_exit_code_other_than_0_at_exit_is_a_death(start: Start, code: int, cause: str | None) -> None:
    died = start(ECHO + f"sys.exit({code})").close()
    assert (died and died.detail) == (cause and f"the peer died with {cause}")


def test_a_peer_that_does_not_end_is_a_death(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = start(ECHO + HANG)
    monkeypatch.setattr(process, "EXIT_SECONDS", 1.0)
    died = peer.close()
    assert died
    assert (died.kind, died.detail) == (Kind.TIMEOUT, "the peer did not end within 1 seconds")
    assert not psutil.pid_exists(peer.pid)


def test_a_peer_that_we_have_killed_did_not_die(start: Start) -> None:
    peer = start(READY + HANG)
    with pytest.raises(PeerDied, match="no answer before the deadline"):
        peer.ask(CALL, seconds=0.3)
    assert peer.close() is None


def test_a_death_in_a_call_is_reported_once(start: Start) -> None:
    peer = start(DIE)
    with pytest.raises(PeerDied):
        peer.ask(CALL)
    assert peer.close() is None


AFTER = READY + "take(); print('why', file=sys.stderr, flush=True); send(SchemaFound(())); "
"""A peer that answers its first call; what follows it does then."""


def ended(peers: list[Peer]) -> None:
    """Wait until the newest peer is dead."""
    while peers[-1].alive:
        time.sleep(0.01)


@pytest.mark.parametrize("code", [0, 7])
@pytest.mark.parametrize("seen", [True, False], ids=["dead-before-the-call", "dies-before-it-takes-the-call"])
def test_a_death_after_an_answer_is_attributed_to_its_purpose(start: Start, code: int, seen: bool) -> None:
    last = f"os._exit({code})" if seen else f"sys.stdin.readline(); os._exit({code})"
    peers: list[Peer] = []

    def fresh() -> Peer:
        peers.append(start(ECHO if peers else AFTER + last))
        return peers[-1]

    keeper = PeerKeeper(fresh)
    keeper.start("guilty")
    keeper.ask(CALL)
    if seen:
        ended(peers)
    keeper.start("innocent")
    assert keeper.ask(CALL) == SchemaFound(())
    ((purpose, died),) = keeper.deaths
    assert (purpose, died.kind, died.log) == ("guilty", Kind.CRASH, "why")
    assert died.detail == f"the peer died with exit code {code}"


def test_a_death_between_two_calls_of_one_purpose_is_that_of_the_second(start: Start) -> None:
    keeper = PeerKeeper(lambda: start(AFTER + "os._exit(7)"))
    keeper.start("one verdict")
    keeper.ask(CALL)
    with pytest.raises(PeerDied, match="the peer died with exit code 7"):
        keeper.ask(CALL)
    assert keeper.deaths == []


def test_a_death_at_exit_is_attributed_to_the_last_purpose(start: Start) -> None:
    keeper = PeerKeeper(lambda: start(ECHO + "sys.exit(7)"))
    keeper.start("last")
    keeper.ask(CALL)
    keeper.close()
    assert [purpose for purpose, _ in keeper.deaths] == ["last"]


def test_a_peer_that_dies_before_its_first_call_is_broken(start: Start) -> None:
    keeper = PeerKeeper(lambda: start(READY + "os._exit(7)"))
    with pytest.raises(PeerBroken, match="the peer died before its first call: the peer died with exit code 7"):
        keeper.ask(CALL)


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
        keeper.ask(CALL)
    assert keeper.ask(CALL) == SchemaFound(())


def test_a_keeper_replaces_a_peer_whose_call_was_interrupted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = iter([READY + "take(); os.close(1)\n" + HANG, ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    wait = subprocess.Popen[bytes].wait
    interrupts = [KeyboardInterrupt()]

    def interrupted(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if interrupts:
            raise interrupts.pop()
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keeper.ask(CALL)
    assert keeper.ask(CALL, seconds=2) == SchemaFound(())


def test_a_keeper_gives_up_on_peers_that_do_not_start(start: Start) -> None:
    starts: list[int] = []

    def broken() -> Peer:
        starts.append(1)
        return start("import sys; sys.exit(1)")

    with pytest.raises(PeerBroken, match="did not start"):
        PeerKeeper(broken).ask(CALL)
    assert len(starts) == 3


def test_a_keeper_gives_up_on_peers_that_die_all_the_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.dotnet_side.process.MAX_DEATHS_IN_A_ROW", 2)
    keeper = PeerKeeper(lambda: start(DIE))
    for _ in range(2):
        with pytest.raises(PeerDied):
            keeper.ask(CALL)
    with pytest.raises(PeerBroken, match="died 2 times in a row"):
        keeper.ask(CALL)


def test_a_keeper_forgets_deaths_before_an_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.dotnet_side.process.MAX_DEATHS_IN_A_ROW", 2)
    scripts = iter([DIE, READY + "take(); send(SchemaFound(())); take()", ECHO])
    keeper = PeerKeeper(lambda: start(next(scripts)))
    with pytest.raises(PeerDied):
        keeper.ask(CALL)
    keeper.ask(CALL)
    with pytest.raises(PeerDied):
        keeper.ask(CALL)
    assert keeper.ask(CALL) == SchemaFound(())
