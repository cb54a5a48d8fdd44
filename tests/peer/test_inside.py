"""The real peer: what it refuses, what it answers, and that it leaves no orphan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import write_state_dict
from tscompat.peer.build import Publish
from tscompat.peer.inside.calls import ROADS
from tscompat.peer.process import PeerBroken, PeerKeeper, inside
from tscompat.peer.receipt import receipt
from tscompat.routes import ROUTES

CASE = load_catalogue()["role/both/bf16"]


@pytest.fixture
def description(tmp_path: Path) -> dict[str, Any]:
    """A complete description of a load."""
    entries = make(CASE)
    write_state_dict(tmp_path / "expected.dat", entries)
    write_state_dict(tmp_path / "actual.dat", entries)
    return {
        "road": "dat",
        "envelope": str(tmp_path / "expected.dat"),
        "artifact": str(tmp_path / "actual.dat"),
        "buffers": [1],
        "layout": "contiguous",
        "reverse": False,
        "nested": False,
        "device": "cpu",
        "scale": 1.0,
        "zero_point": 0,
        "identity": False,
    }


def test_a_load_gives_the_receipt_of_what_memory_held(keeper: PeerKeeper, description: dict[str, Any]):
    answer = keeper.call("load", **description)
    assert (answer["differences"], answer["receipt"]) == ([], receipt(make(CASE)))


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
    with pytest.raises(PeerBroken, match="unknown road 'dot'"):
        keeper.call("load", **description | {"road": "dot"})


@pytest.mark.parametrize("change", [{"shape": []}, {"layout": None}], ids=["too-much", "too-little"])
def test_a_description_of_other_parts_is_refused(
    keeper: PeerKeeper, description: dict[str, Any], change: dict[str, Any]
):
    changed = {key: value for key, value in (description | change).items() if value is not None}
    with pytest.raises(PeerBroken, match="a call takes exactly"):
        keeper.call("load", **changed)


def test_every_route_has_its_road():
    assert set(ROADS) == set(ROUTES)


def test_a_killed_worker_leaves_no_orphan(publish: Publish):
    worker = (
        "import json, subprocess, sys, time\n"
        "peer = subprocess.Popen(json.loads(sys.argv[1]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "peer.stdout.readline(); print(peer.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", worker, json.dumps(inside(publish.folder))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        peer = psutil.Process(int(process.stdout.readline()))
        process.kill()
        psutil.wait_procs([peer], timeout=20)
        assert not peer.is_running() or peer.status() == psutil.STATUS_ZOMBIE
