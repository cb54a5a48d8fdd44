"""The real peer: what it refuses, what it answers, and that it leaves no orphan."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.build import Publish
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.inside.optimizers import OVERLOADS as OPTIMIZER_OVERLOADS
from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.process import PeerBroken, PeerKeeper, inside
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES

CASE = load_catalogue()["role/both/bf16"]
DROPPED = object()


@pytest.fixture
def description(tmp_path: Path) -> dict[str, Any]:
    """A complete description of a load."""
    entries = make(CASE)
    write_whole(tmp_path / "expected.dat", encode_state_dict(entries))
    write_whole(tmp_path / "actual.dat", encode_state_dict(entries))
    return {
        "overload": "dat",
        "expected_file": str(tmp_path / "expected.dat"),
        "artifact": str(tmp_path / "actual.dat"),
        "inputs": "",
        "model": None,
        "train": False,
        "scenario": None,
        "probe": "",
        "buffers": [1],
        "tied": {},
        "layout": "contiguous",
        "reverse": False,
        "nested": False,
        "device": "cpu",
        "scale": 1.0,
        "zero_point": 0,
        "training": None,
        "identity": False,
    }


def test_a_load_gives_the_receipt_of_what_memory_held(keeper: PeerKeeper, description: dict[str, Any]):
    answer = keeper.call("load", **description)
    assert (answer["differences"], answer["digest"]) == ([], digest(make(CASE)))


def test_other_bits_are_a_difference(keeper: PeerKeeper, description: dict[str, Any]):
    artifact = Path(description["artifact"])
    data = bytearray(artifact.read_bytes())
    data[-1] ^= 1
    artifact.write_bytes(data)
    assert [kind for kind, _ in keeper.call("load", **description)["differences"]] == ["bits"]


def test_an_exception_of_dotnet_is_told(keeper: PeerKeeper, description: dict[str, Any]):
    Path(description["artifact"]).unlink()
    assert keeper.call("load", **description)["error"][0] == "System.IO.FileNotFoundException"


def test_an_unknown_call_is_refused(keeper: PeerKeeper, description: dict[str, Any]):
    with pytest.raises(PeerBroken, match="unknown call 'lood'; this peer knows save, load"):
        keeper.call("lood", **description)


def test_an_unknown_road_is_refused(keeper: PeerKeeper, description: dict[str, Any]):
    with pytest.raises(PeerBroken, match="unknown overload 'dot'"):
        keeper.call("load", **description | {"overload": "dot"})


@pytest.mark.parametrize("change", [{"shape": []}, {"layout": DROPPED}], ids=["too-much", "too-little"])
def test_a_description_of_other_parts_is_refused(
    keeper: PeerKeeper, description: dict[str, Any], change: dict[str, Any]
):
    changed = {key: value for key, value in (description | change).items() if value is not DROPPED}
    with pytest.raises(PeerBroken, match="a call takes exactly"):
        keeper.call("load", **changed)


def test_a_fault_of_ours_is_no_crash(keeper: PeerKeeper, description: dict[str, Any]):
    Path(description["expected_file"]).unlink()
    with pytest.raises(PeerBroken, match=r"a fault of ours in the peer: (?s:.*)\nFileNotFoundError"):
        keeper.call("load", **description)


def test_every_route_has_its_road():
    scenarios = {"load", "pybridge-load-pickle", "pybridge-load-safetensors"}
    assert set(OVERLOADS) | set(OPTIMIZER_OVERLOADS) | scenarios | {"schema", "forward", "guarantee"} == set(ROUTES)


def test_a_peer_leaves_when_its_pipe_closes(publish: Publish):
    with subprocess.Popen(inside(publish.folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        peer.stdout.readline()
        peer.stdin.close()
        assert peer.wait(20) == 0


def test_a_killed_worker_leaves_no_orphan(publish: Publish):
    """The peer's pipe is the worker's own, which stays open here: the peer can tell by the worker's death alone."""
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
