"""The real peer: what it refuses, what it answers, and that it ends with its worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from tscompat.catalogue import Tensors, load_catalogue, make
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.inside.optimizers import OVERLOADS as OPTIMIZER_OVERLOADS
from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.messages import Bag, Load, Loaded, Placement, Thrown
from tscompat.dotnet_side.process import PeerKeeper, inside
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES
from tscompat.values.tensors import Entry, StateDict

LOADING = {"load", "pybridge-load-pickle", "pybridge-load-safetensors"}
"""The overloads that dotnet/Peer/Loading.cs knows."""


@pytest.fixture(scope="module")
def entries() -> StateDict:
    subject = load_catalogue()["role/both/bf16"].subject
    assert isinstance(subject, Tensors)
    return make("role/both/bf16", subject.specs)


@pytest.fixture
def call(tmp_path: Path, entries: StateDict) -> Load:
    """A load of a good file."""
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    write_whole(tmp_path / "actual.dat", encode_state_dict(entries))
    return Load(
        overload="module-path",
        expected=str(tmp_path / "expected.dat"),
        artifact=str(tmp_path / "actual.dat"),
        module=Bag(buffers=(1,), tied={}, transient=(), nested=False, reversed=False, varied=False),
        placement=Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0),
        identity=False,
        strict=True,
    )


def test_a_load_gives_the_digest_of_what_memory_held(keeper: PeerKeeper, call: Load, entries: StateDict) -> None:
    assert keeper.ask(call) == Loaded(differences=(), missing=(), unexpected=(), digest=digest(entries), quantizer=None)


def test_other_bits_are_a_difference(keeper: PeerKeeper, call: Load) -> None:
    artifact = Path(call.artifact)
    data = bytearray(artifact.read_bytes())
    data[-1] ^= 1
    artifact.write_bytes(data)
    answer = keeper.ask(call)
    assert isinstance(answer, Loaded)
    assert [(each.kind, each.first and each.first.entry) for each in answer.differences] == [("bits", "buffer")]


def test_the_digest_is_of_what_memory_held_where_that_differs(
    keeper: PeerKeeper, call: Load, entries: StateDict
) -> None:
    name, tensor = entries[-1]
    data = bytearray(tensor.data)
    data[-1] ^= 1
    others = [*entries[:-1], Entry(name, tensor._replace(data=data))]
    write_whole(call.artifact, encode_state_dict(others))
    answer = keeper.ask(call)
    assert isinstance(answer, Loaded)
    assert answer.digest == digest(others)


def test_without_strict_a_load_leaves_alone_what_the_file_lacks(
    keeper: PeerKeeper, call: Load, entries: StateDict
) -> None:
    first, second = entries
    write_whole(call.artifact, encode_state_dict([second]))
    answer = keeper.ask(msgspec.structs.replace(call, strict=False))
    assert isinstance(answer, Loaded)
    assert [each.first and each.first.entry for each in answer.differences] == [first.name]  # the complement
    assert isinstance(keeper.ask(call), Thrown)


def test_the_digest_is_of_the_entries_that_the_expected_file_has_too(
    keeper: PeerKeeper, call: Load, entries: StateDict
) -> None:
    assert isinstance(call.module, Bag)
    tied = msgspec.structs.replace(call.module, tied={entries[1].name: entries[0].name})
    answer = keeper.ask(msgspec.structs.replace(call, module=tied, strict=False))
    assert isinstance(answer, Loaded)
    assert (answer.missing, answer.digest) == ((entries[1].name,), digest(entries[:1]))


def test_an_exception_of_dotnet_is_an_answer(keeper: PeerKeeper, call: Load) -> None:
    Path(call.artifact).unlink()
    answer = keeper.ask(call)
    assert isinstance(answer, Thrown)
    assert answer.type_name == "System.IO.FileNotFoundException"


def test_the_time_inside_dotnet_is_counted(keeper: PeerKeeper, call: Load) -> None:
    before = keeper.dotnet_seconds
    keeper.ask(call)
    assert keeper.dotnet_seconds > before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"overload": "dot"}, r"unknown overload 'dot'; this peer knows module-path, "),
        ({"module": None}, "this overload needs a module"),
        ({"placement": Placement(device="cpu", layout="odd", scale=1.0, zero_point=0)}, "unknown layout 'odd'"),
    ],
    ids=["overload", "module", "layout"],
)
def test_what_the_peer_does_not_know_is_refused(
    keeper: PeerKeeper, call: Load, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(PeerBroken, match=reason):
        keeper.ask(msgspec.structs.replace(call, **change))


def test_a_fault_of_ours_is_no_crash(keeper: PeerKeeper, call: Load) -> None:
    Path(call.expected).unlink()
    with pytest.raises(PeerBroken, match=r"our own code in the peer failed: (?s:.*)\nFileNotFoundError"):
        keeper.ask(call)


def test_the_peer_has_the_overload_of_every_route() -> None:
    named = {route.overload for route in ROUTES.values()} - {""}
    assert named == {*OVERLOADS, *OPTIMIZER_OVERLOADS} | LOADING


def test_a_peer_leaves_when_its_pipe_closes(publish: Publish) -> None:
    with subprocess.Popen(inside(publish.folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        peer.stdout.readline()
        peer.stdin.close()
        assert peer.wait(20) == 0


def test_a_killed_worker_leaves_no_orphan(publish: Publish) -> None:
    """The peer reads the worker's stdin, which this test keeps open: only the worker's death can make the peer end."""
    script = (
        "import pathlib, subprocess, sys, time\n"
        "from tscompat.dotnet_side.process import inside\n"
        "peer = subprocess.Popen(inside(pathlib.Path(sys.argv[1])), stdout=subprocess.PIPE)\n"
        "peer.stdout.readline(); print(peer.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(publish.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        peer = psutil.Process(int(worker.stdout.readline()))
        worker.kill()
        psutil.wait_procs([peer], timeout=20)
        assert not peer.is_running() or peer.status() == psutil.STATUS_ZOMBIE
