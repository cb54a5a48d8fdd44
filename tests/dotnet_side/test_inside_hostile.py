"""A hostile file in the peer, with a double of .NET: what was there before, after, and after the next load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from dotnet_double import ENTRIES, Net, NetException, NetModule, NetTensor, answer, changed, written
from tscompat.codec import encode_tensor, read_tensor
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.inside import hostile
from tscompat.dotnet_side.inside.clr import Dotnet
from tscompat.dotnet_side.inside.hostile import load_hostile
from tscompat.dotnet_side.inside.work import Stopwatch
from tscompat.dotnet_side.messages import HostileLoaded, LoadHostile, Thrown
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict


@pytest.fixture
def call(tmp_path: Path) -> LoadHostile:
    """The load of a file that the double refuses: it lacks an entry."""
    expected, whole = (written(tmp_path / name, ENTRIES) for name in ("expected", "whole"))
    return LoadHostile("module", expected, whole, written(tmp_path / "artifact", ENTRIES[:1]))


def state(entries: StateDict) -> dict[str, str]:
    return {name: digest([Entry("", tensor)]) for name, tensor in entries}


def test_a_refusal_leaves_the_target_and_the_next_load_is_whole(net: Net, call: LoadHostile) -> None:
    found: HostileLoaded = answer(net, call)
    assert found.refused == Thrown("System.ArgumentException", "Mismatched state_dict sizes")
    assert (found.changed, found.next_refused, found.next_state) == ((), None, state(ENTRIES))
    assert not set(found.state.values()) & set(state(ENTRIES).values()), "the target holds other bits before"


def test_what_is_loaded_without_an_error_is_seen(net: Net, call: LoadHostile) -> None:
    found: HostileLoaded = answer(net, msgspec.structs.replace(call, reader="module-lax"))
    assert (found.refused, found.changed, found.state["w"]) == (None, ("w",), state(ENTRIES)["w"])


def test_strict_is_as_the_reader_asks(net: Net, call: LoadHostile) -> None:
    for reader, strict in (("module", ()), ("module-lax", (False,))):
        answer(net, msgspec.structs.replace(call, reader=reader))
        assert net.modules[-1].loads == [(call.artifact, *strict), (call.whole, *strict)]


def test_the_target_has_the_expected_entries_and_then_loads_the_whole_file(
    net: Net, call: LoadHostile, tmp_path: Path
) -> None:
    """The whole file may be in a format that is not TorchSharp's; here it has other bits."""
    whole = written(tmp_path / "other", changed(0))
    assert answer(net, msgspec.structs.replace(call, whole=whole)).next_state == state(changed(0))


@pytest.mark.parametrize(
    ("reader", "method"), [("pybridge-safetensors", "load_safetensors"), ("pybridge-pickle", "load_py")]
)
def test_a_foreign_file_is_loaded_by_pybridge(net: Net, call: LoadHostile, reader: str, method: str) -> None:
    bridge = SimpleNamespace(**{method: NetModule.load})
    found = load_hostile(
        replace(net.dotnet, PyBridge=bridge), Stopwatch(), msgspec.structs.replace(call, reader=reader)
    )
    assert found.refused == Thrown("System.ArgumentException", "Mismatched state_dict sizes")
    assert net.modules[-1].loads == [(call.artifact,), (call.whole,)]


def test_a_file_that_is_still_open_is_seen(net: Net, call: LoadHostile) -> None:
    net.open_files.add(call.artifact)
    assert answer(net, call).still_open is True


def test_the_heap_that_a_load_takes_is_counted(net: Net, call: LoadHostile) -> None:
    net.heap = iter((1000, 1000 + (1 << 40)))
    assert answer(net, call).allocated == 1 << 40


def test_the_memory_that_a_load_takes_and_gives_back_is_counted(
    net: Net, call: LoadHostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(module: NetModule, path: str, *strict: bool) -> None:
        assert len(b"x" * (128 << 20)) > 0

    monkeypatch.setattr(NetModule, "load", load)
    assert 100 << 20 < answer(net, call).allocated < 200 << 20


def test_a_next_load_that_is_refused_is_seen(net: Net, call: LoadHostile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: NetModule, path: str, *strict: bool) -> None:
        raise NetException("System.Exception", Path(path).name)

    monkeypatch.setattr(NetModule, "load", refuse)
    found: HostileLoaded = answer(net, call)
    assert (found.refused, found.next_refused) == (
        Thrown("System.Exception", "artifact"),
        Thrown("System.Exception", "whole"),
    )


def test_a_tensor_that_the_format_lacks_is_described(
    net: Net, call: LoadHostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(module: NetModule, path: str, *strict: bool) -> None:
        module.tensors["b"].code = 17

    monkeypatch.setattr(NetModule, "load", load)
    found: HostileLoaded = answer(net, call)
    assert found.state == {"": "a tensor of dtype 17"}


def test_an_unknown_reader_is_refused(net: Net, call: LoadHostile) -> None:
    with pytest.raises(Exception, match="unknown reader 'other'; this peer knows module, "):
        answer(net, msgspec.structs.replace(call, reader="other"))


@pytest.fixture
def tensor(tmp_path: Path) -> LoadHostile:
    for name, entries in (("whole", ENTRIES), ("artifact", changed(0))):
        write_whole(tmp_path / name, encode_tensor(entries[0].tensor))
    whole = str(tmp_path / "whole")
    return LoadHostile("tensor", whole, whole, str(tmp_path / "artifact"))


def test_a_tensor_is_new(net: Net, tensor: LoadHostile) -> None:
    found: HostileLoaded = answer(net, tensor)
    assert (found.changed, found.state) == (("",), {"": state(changed(0))["w"]})


def test_a_tensor_that_is_refused_holds_nothing(net: Net, tensor: LoadHostile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> NetTensor:
        raise NetException("System.Exception", "no")

    monkeypatch.setattr(NetTensor, "Load", staticmethod(refuse))
    assert answer(net, tensor).state == {}


class Opened:
    """A reader of .NET's of a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def Dispose(self) -> None:  # noqa: N802
        """.NET's name."""


class Into:
    """What loads into a tensor that is there, by a reader of the file: refuses the artifact."""

    def __init__(self, net: Net) -> None:
        self.read: list[str] = []
        self._net = net

    @property
    def dotnet(self) -> Dotnet:
        made = SimpleNamespace(File=SimpleNamespace(OpenRead=str), BinaryReader=Opened)
        memory = SimpleNamespace(Make=self._net.dotnet.Memory.Make, LoadInto=self._load)
        return replace(self._net.dotnet, IO=made, Memory=memory)

    def _load(self, tensor: NetTensor, reader: Opened) -> None:
        self.read.append(Path(reader.path).name)
        if self.read[-1] == "artifact":
            raise NetException("System.Exception", "no")
        tensor.data[:] = memoryview(read_tensor(reader.path).data).cast("B")


def test_a_tensor_that_is_there_is_loaded_into(net: Net, tensor: LoadHostile) -> None:
    into = Into(net)
    found = load_hostile(into.dotnet, Stopwatch(), msgspec.structs.replace(tensor, reader="tensor-into"))
    assert into.read == ["artifact", "whole"]
    assert (found.refused, found.changed) == (Thrown("System.Exception", "no"), ())
    assert found.next_state == {"": state(ENTRIES)["w"]}
    assert found.state[""] not in (state(ENTRIES)["w"], None), "the target holds other bits before"


def test_what_cannot_be_read_of_a_target_is_described(
    net: Net, call: LoadHostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(held: object) -> object:
        raise NetException("System.Exception", "no")

    dotnet = replace(net.dotnet, Snapshot=SimpleNamespace(Of=refuse))
    assert load_hostile(dotnet, Stopwatch(), call).state == {"": "System.Exception: no"}


def test_of_as_much_as_is_allowed_there_is_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "MEMORY", ENTRIES[0].tensor.nbytes)
    assert hostile.digests(ENTRIES) == state(ENTRIES)


def test_a_large_tensor_is_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "MEMORY", 7)
    assert hostile.digests(ENTRIES) == {"w": "(2,)", "b": state(ENTRIES)["b"]}


def test_the_real_dotnet_knows_which_file_is_open(publish: Publish, tmp_path: Path) -> None:
    """It is asked in a process of its own: here torch has loaded another libtorch."""
    (tmp_path / "file").write_bytes(b"x")
    code = (
        "import sys; from pathlib import Path; from tscompat.dotnet_side.inside import clr\n"
        "dotnet = clr.load(Path(sys.argv[1])); path = sys.argv[2]\n"
        "held = dotnet.IO.File.OpenRead(path); seen = [dotnet.Loading.IsOpen(path)]\n"
        "held.Dispose(); print(*seen, dotnet.Loading.IsOpen(path), flush=True); import os; os._exit(0)"
    )
    command = [sys.executable, "-c", code, str(publish.folder), str(tmp_path / "file")]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    assert ended.stdout == "True False\n"
