"""The calls that the peer answers, with a double of .NET: saves, schemas, probes, and what each call must leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

import dotnet_double
from dotnet_double import (
    BAG,
    CPU,
    ENTRIES,
    F32,
    I16,
    NATIVE,
    Net,
    NetException,
    NetModule,
    NetTensor,
    answer,
    module_of,
    written,
)
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.inside import calls
from tscompat.dotnet_side.inside.clr import Dotnet
from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.inside.overloads.overload import Overload
from tscompat.dotnet_side.inside.probes import CannotTry
from tscompat.dotnet_side.inside.work import Refused, Work
from tscompat.dotnet_side.messages import Done, Thrown
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import flipped

# Saves.


@pytest.fixture
def save(tmp_path: Path) -> messages.Save:
    return messages.Save(
        "module-path", written(tmp_path / "expected", ENTRIES), str(tmp_path / "artifact"), BAG, CPU, flip=None
    )


def test_a_save_writes_the_bits_of_the_expected_file(net: Net, save: messages.Save) -> None:
    assert answer(net, save) == Done()
    assert Path(save.artifact).read_bytes() == Path(save.expected).read_bytes()
    assert net.modules[0].disposed == 1


def changing_its_flags(module: NetModule) -> None:
    module.flags["the mode of the module"] = "eval"


def changing_its_bits(module: NetModule) -> None:
    module.tensors["b"].data[0] ^= 1


MODE = "the mode of the module: train before, eval after"


@pytest.mark.parametrize(("change", "words"), [(changing_its_flags, MODE), (changing_its_bits, "the bits of 'b'")])
@pytest.mark.parametrize("refused", [False, True])
def test_a_save_that_changes_the_module_states_what(
    net: Net,
    save: messages.Save,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[NetModule], None],
    words: str,
    refused: bool,
) -> None:
    honest = NetModule.save

    def saving(module: NetModule, path: str) -> None:
        honest(module, path)
        change(module)
        if refused:
            raise NetException("System.IO.IOException", "no")

    monkeypatch.setattr(NetModule, "save", saving)
    assert answer(net, save) == (Thrown("System.IO.IOException", "no", (words,)) if refused else Done((words,)))


def test_what_can_no_longer_be_looked_at_after_a_save_was_destroyed_by_it(
    net: Net, save: messages.Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    def saving(module: NetModule, path: str) -> None:
        monkeypatch.setattr(dotnet_double, "NetSnapshot", destroyed)

    def destroyed(held: object) -> NoReturn:
        raise NetException("System.InvalidOperationException", "Tensor invalid -- empty handle")

    monkeypatch.setattr(NetModule, "save", saving)
    assert answer(net, save) == Thrown("System.InvalidOperationException", "Tensor invalid -- empty handle")


def test_a_save_of_other_memory_writes_that(net: Net, save: messages.Save) -> None:
    answer(net, msgspec.structs.replace(save, flip=5))
    assert digest(read_state_dict(save.artifact)) == digest(flipped(ENTRIES, 5))


def test_the_first_byte_can_differ_too(net: Net, save: messages.Save) -> None:
    answer(net, msgspec.structs.replace(save, flip=0))
    assert digest(read_state_dict(save.artifact)) == digest(flipped(ENTRIES, 0))


def test_what_cannot_be_saved_is_disposed_of(net: Net, save: messages.Save) -> None:
    thrown = answer(net, msgspec.structs.replace(save, artifact=str(Path(save.artifact, "no", "folder")), flip=3))
    assert not isinstance(thrown, Done)
    assert net.modules[0].disposed == 1


@pytest.fixture(autouse=True)
def _exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The double's own errors of files are .NET's."""
    honest = NetModule.save

    def save(module: NetModule, path: str) -> None:
        try:
            honest(module, path)
        except OSError as error:
            raise NetException("System.IO.IOException", str(error)) from error

    monkeypatch.setattr(NetModule, "save", save)


def test_an_overload_gets_the_work_the_artifact_and_whether_to_load(
    net: Net, save: messages.Save, load: messages.Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is made of its artifact. ``poison`` is true for a target."""
    seen: list[tuple[Any, ...]] = []

    def make(work: Work, path: str, poison: bool) -> NetTensor:
        assert isinstance(poison, bool)
        seen.append(("make", path, poison))
        return work.tensor(work.entries[0].tensor, poison=poison)

    def use(what: str) -> Callable[[Work, Any, str], Any]:
        def using(work: Work, held: Any, path: str) -> Any:
            seen.append((what, path, digest(work.entries)))
            return held

        return using

    monkeypatch.setitem(OVERLOADS, "module-path", Overload(make, use("save"), use("load")))
    answer(net, save)
    answer(net, load)
    assert seen == [
        ("make", save.artifact, False),
        ("save", save.artifact, digest(ENTRIES)),
        ("make", load.artifact, True),
        ("load", load.artifact, digest(ENTRIES)),
    ]


# Schemas.


def test_a_schema_lists_the_entries_in_their_order(net: Net) -> None:
    net.build = lambda: module_of(ENTRIES, buffers=["b"])
    assert answer(net, messages.Schema(NATIVE)) == messages.SchemaFound(
        (
            messages.SchemaEntry("w", F32.code, (2,), False),
            messages.SchemaEntry("b", I16.code, (1, 2), True),
        )
    )
    assert net.built == [("layer", "{}", BY_NAME["f16"].code)]
    assert net.modules[0].disposed == 1


# Probes.


@pytest.fixture
def probe(tmp_path: Path) -> messages.Probe:
    return messages.Probe("tried", written(tmp_path / "expected", ENTRIES), str(tmp_path / "artifact"), BAG, CPU)


def probing(monkeypatch: pytest.MonkeyPatch, function: Callable[[Work, messages.Probe, Any], str]) -> None:
    monkeypatch.setitem(calls.PROBES, "tried", function)


def test_a_probe_reads_a_module_from_its_memory(
    net: Net, probe: messages.Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules: list[NetModule] = []

    def tried(work: Work, call: messages.Probe, read: Any) -> str:
        module: Any = work.module(poison=False)
        modules.append(module)
        with work.watch.running():
            return f"{call.probe}: {digest(read(module))}"

    probing(monkeypatch, tried)
    assert answer(net, probe) == messages.Observed(f"tried: {digest(ENTRIES)}")
    assert modules[0].disposed == 1


def test_a_probe_that_cannot_be_tried_states_why(
    net: Net, probe: messages.Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(*_: Any) -> str:
        raise CannotTry("not here")

    probing(monkeypatch, tried)
    assert answer(net, probe) == messages.Unable("not here")


def test_an_unknown_probe_is_refused(net: Net, probe: messages.Probe) -> None:
    with pytest.raises(Refused, match=r"unknown probe 'tried'; this peer knows \w+"):
        answer(net, probe)


# Replies.


@pytest.mark.parametrize(("name", "ours"), [("System.Exception", False), ("System.Exception", True)])
def test_what_torchsharp_throws_is_an_answer_and_what_we_throw_is_not(
    net: Net, load: messages.Load, monkeypatch: pytest.MonkeyPatch, name: str, ours: bool
) -> None:
    def throw(*_: Any) -> None:
        raise NetException(name, "no", ours=ours)

    monkeypatch.setattr(NetModule, "load", throw)
    if ours:
        with pytest.raises(NetException, match="no"):
            answer(net, load)
    else:
        assert answer(net, load) == Thrown(name, "no")


@pytest.mark.parametrize("name", ["load", "save", "program"])
def test_an_unknown_overload_is_refused_with_those_that_are_known(
    net: Net, load: messages.Load, save: messages.Save, name: str
) -> None:
    program = messages.RunProgram("dot", load.artifact, load.expected, "", CPU)
    calls_of: dict[str, Any] = {"load": load, "save": save, "program": program}
    known = ", ".join(OVERLOADS)
    with pytest.raises(Refused) as refused:
        answer(net, msgspec.structs.replace(calls_of[name], overload="dot"))
    assert str(refused.value) == f"unknown overload 'dot'; this peer knows {known}"


def test_the_time_inside_dotnet_is_the_replys(net: Net, load: messages.Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: Any) -> None:
        time.sleep(0.05)

    monkeypatch.setattr(NetModule, "load", wait)
    assert calls.reply(net.dotnet, load).seconds >= 0.05


@pytest.mark.parametrize(("more", "collected"), [(0, []), (1, ["collect", "wait"])])
def test_only_after_a_large_file_the_garbage_is_collected(
    net: Net, load: messages.Load, monkeypatch: pytest.MonkeyPatch, more: int, collected: list[str]
) -> None:
    monkeypatch.setattr(calls, "LARGE", Path(load.expected).stat().st_size - more)
    answer(net, load)
    assert net.collected == collected


def test_a_call_without_an_expected_file_collects_nothing(net: Net) -> None:
    net.build = lambda: module_of(ENTRIES)
    answer(net, messages.Schema(NATIVE))
    assert net.collected == []


def test_the_double_has_a_file_as_the_codec_writes_it(tmp_path: Path) -> None:
    """What these tests compare with."""
    path = written(tmp_path / "file", ENTRIES)
    assert Path(path).read_bytes() == b"".join(bytes(memoryview(each)) for each in encode_state_dict(ENTRIES))
    assert isinstance(Net().dotnet, Dotnet)
