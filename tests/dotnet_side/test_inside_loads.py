"""The loads that the peer makes, with a double of .NET: what memory is compared with, and what each load states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dotnet_double import (
    BAG,
    CPU,
    ENTRIES,
    F32,
    I16,
    NATIVE,
    QI8,
    Net,
    NetModule,
    NetTensor,
    answer,
    changed,
    module_of,
    written,
)
from doubles import nothing
from tscompat.codec import encode_tensor
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.inside.overloads.overload import Overload
from tscompat.dotnet_side.messages import Loaded, Placement, Thrown
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict, Tensor


def kinds(loaded: Any) -> list[tuple[str, str | None]]:
    assert isinstance(loaded, Loaded)
    return [(each.kind, each.first.entry if each.first else None) for each in loaded.differences]


# Loads.


def test_a_good_load_differs_in_nothing(net: Net, load: messages.Load) -> None:
    assert answer(net, load) == Loaded((), (), (), digest(ENTRIES), None)


def test_a_load_that_freezes_the_module_states_it(
    net: Net, load: messages.Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def freezing(module: NetModule, path: str, *strict: bool) -> None:
        honest(module, path, *strict)
        module.flags.clear()
        module.flags["'w'"] = "a frozen parameter"

    honest = NetModule.load
    monkeypatch.setattr(NetModule, "load", freezing)
    loaded = answer(net, load)
    assert isinstance(loaded, Loaded)
    assert loaded.changed == (
        "the mode of the module: train before, nothing after",
        "'w': nothing before, a frozen parameter after",
    )


@pytest.mark.parametrize("place", [0, 1])
def test_other_bits_in_memory_are_a_difference_and_in_the_digest(net: Net, load: messages.Load, place: int) -> None:
    found = changed(place)
    written(load.artifact, found)
    loaded = answer(net, load)
    assert kinds(loaded) == [("bits", ENTRIES[place].name)]
    assert loaded.digest == digest(found)


def test_what_a_load_leaves_alone_is_the_complement(net: Net, load: messages.Load, tmp_path: Path) -> None:
    written(load.artifact, ENTRIES[1:])
    loaded = answer(net, msgspec.structs.replace(load, strict=False))
    assert kinds(loaded) == [("bits", "w")]
    complement = Entry("w", Tensor(F32, (2,), bytes(0xFF - each for each in range(8))))
    assert loaded.digest == digest([complement, ENTRIES[1]])


@pytest.mark.parametrize(("strict", "arguments"), [(True, ()), (False, (False,))])
def test_strict_is_not_given_where_it_is_the_default(
    net: Net, load: messages.Load, strict: bool, arguments: tuple[bool, ...]
) -> None:
    answer(net, msgspec.structs.replace(load, strict=strict))
    assert net.modules[0].loads == [(load.artifact, *arguments)]


def of_other_entries(net: Net, load: messages.Load, entries: StateDict) -> Loaded:
    """The answer where .NET's own module has these entries, and the file too."""
    net.build = lambda: module_of(entries)
    written(load.artifact, entries)
    loaded = answer(net, msgspec.structs.replace(load, module=NATIVE))
    assert isinstance(loaded, Loaded)
    return loaded


def test_what_memory_lacks_is_missing_and_not_in_the_digest(net: Net, load: messages.Load) -> None:
    loaded = of_other_entries(net, load, ENTRIES[:1])
    assert (loaded.missing, loaded.unexpected, loaded.digest) == (("b",), (), digest(ENTRIES[:1]))
    assert kinds(loaded) == [("names", None)]


def test_what_only_memory_has_is_unexpected_and_not_in_the_digest(net: Net, load: messages.Load) -> None:
    more = [Entry("more", ENTRIES[0].tensor), *ENTRIES, Entry("again", ENTRIES[0].tensor)]
    loaded = of_other_entries(net, load, more)
    assert (loaded.missing, loaded.unexpected, loaded.digest) == ((), ("more", "again"), digest(ENTRIES))


def test_memory_is_compared_in_the_order_of_the_expected_file(net: Net, load: messages.Load) -> None:
    assert of_other_entries(net, load, ENTRIES[::-1]) == Loaded((), (), (), digest(ENTRIES), None)


@pytest.fixture
def single(tmp_path: Path) -> messages.Load:
    """A load of one tensor, whose file has no name."""
    write_whole(tmp_path / "artifact", encode_tensor(ENTRIES[0].tensor))
    expected = written(tmp_path / "expected", ENTRIES[:1])
    return messages.Load("tensor-path", expected, str(tmp_path / "artifact"), None, CPU, identity=False, strict=True)


def test_a_single_tensor_gets_the_name_of_the_expected_one(net: Net, single: messages.Load) -> None:
    assert answer(net, single) == Loaded((), (), (), digest(ENTRIES[:1]), None)


def test_a_single_tensor_of_other_bits_is_a_difference(net: Net, single: messages.Load) -> None:
    write_whole(single.artifact, encode_tensor(changed(0)[0].tensor))
    assert kinds(answer(net, single)) == [("bits", "w")]


def test_a_tensor_without_a_name_is_not_one_of_two(net: Net, single: messages.Load) -> None:
    written(single.expected, ENTRIES)
    loaded = answer(net, single)
    assert (loaded.missing, loaded.unexpected) == (("w", "b"), ("",))


def test_a_module_of_one_tensor_keeps_its_name(net: Net, load: messages.Load) -> None:
    written(load.expected, ENTRIES[:1])
    loaded = of_other_entries(net, load, [Entry("other", ENTRIES[0].tensor)])
    assert (loaded.missing, loaded.unexpected) == (("w",), ("other",))


def test_the_quantizer_is_that_of_memory(net: Net, load: messages.Load) -> None:
    """A target is made with scale 1 and zero point 0, so that the file's are not there before."""
    quantized = [Entry("q", Tensor(QI8, (2,), b"ab"))]
    written(load.expected, quantized)
    written(load.artifact, quantized)
    placement = Placement(device="cpu", layout="contiguous", scale=0.25, zero_point=3)
    assert answer(net, msgspec.structs.replace(load, placement=placement)).quantizer == (1.0, 0)


def test_a_zero_point_is_an_integer(net: Net, load: messages.Load, monkeypatch: pytest.MonkeyPatch) -> None:
    quantized = [Entry("q", Tensor(QI8, (2,), b"ab"))]
    made = NetTensor(QI8.code, (2,), bytearray(b"ab"), (0.25, 3))

    def load_it(*_: Any) -> NetTensor:
        return made

    overload = Overload(nothing, nothing, load_it)
    monkeypatch.setitem(OVERLOADS, "module-path", overload)
    written(load.expected, quantized)
    found = answer(net, load).quantizer
    assert found == (0.25, 3)
    assert isinstance(found[1], int)


def test_an_element_from_elsewhere_is_named_where_the_bits_are_the_identity_pattern(
    net: Net, load: messages.Load
) -> None:
    data = b"".join(each.to_bytes(2, "little") for each in range(1, 5))
    one = [Entry("w", Tensor(I16, (4,), data))]
    written(load.expected, one)
    written(load.artifact, [Entry("w", Tensor(I16, (4,), data[2:4] + data[:2] + data[4:]))])
    stated = [answer(net, msgspec.structs.replace(load, identity=each)).differences[0] for each in (False, True)]
    assert ["; what was found is" in each.detail for each in stated] == [False, True]


def test_what_is_read_is_disposed_of_with_its_snapshot(net: Net, load: messages.Load) -> None:
    answer(net, load)
    assert [module.disposed for module in net.modules] == [1]
    assert [snapshot.disposed for snapshot in net.snapshots] == [1]


# Loads into a module with bits.


@pytest.fixture
def into(tmp_path: Path) -> messages.LoadInto:
    return messages.LoadInto(
        overload="load",
        expected=written(tmp_path / "expected", ENTRIES),
        artifact=written(tmp_path / "artifact", changed(0)),
        module=BAG,
        given_as="path",
        strict=True,
        skip=("x", "y"),
        report=False,
    )


def alone(entry: Entry) -> str:
    return digest([Entry("", entry.tensor)])


def test_a_load_into_a_module_gives_a_digest_of_each_tensor(net: Net, into: messages.LoadInto) -> None:
    state = {"w": alone(changed(0)[0]), "b": alone(ENTRIES[1])}
    assert answer(net, into) == messages.LoadedInto(None, True, state, {})
    assert net.loads == [("load", into.artifact, "path", True, "x\ny", False)]
    assert net.modules[0].buffers == ["b"]


def test_a_module_to_load_into_is_of_plain_tensors_and_disposed_of(net: Net, into: messages.LoadInto) -> None:
    answer(net, into)
    assert {(tensor.device, tensor.layout, tensor.quantizer) for tensor in net.tensors} == {
        ("cpu", "contiguous", (1.0, 0))
    }
    assert net.modules[0].disposed == 1


def test_a_refused_load_leaves_the_bits(net: Net, into: messages.LoadInto) -> None:
    written(into.artifact, changed(0)[:1])
    found = answer(net, into)
    assert found.refused == Thrown("System.ArgumentException", "Mismatched state_dict sizes")
    assert (found.still_open, found.state) == (None, {entry.name: alone(entry) for entry in ENTRIES})
    assert answer(net, msgspec.structs.replace(into, strict=False)).refused is None


def test_a_stream_that_is_closed_afterwards_is_stated(net: Net, into: messages.LoadInto) -> None:
    assert answer(net, msgspec.structs.replace(into, given_as="closing")).still_open is False


def test_buffers_that_are_not_saved_are_read_too(net: Net, into: messages.LoadInto) -> None:
    written(into.artifact, ENTRIES[:1])
    transient = msgspec.structs.replace(BAG, transient=("b",))
    found = answer(net, msgspec.structs.replace(into, module=transient))
    assert (found.refused, found.state) == (None, {entry.name: alone(entry) for entry in ENTRIES})


def test_a_report_states_each_entry(net: Net, into: messages.LoadInto, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = net.load

    class Row:
        def __init__(self, key: str, value: bool) -> None:
            self.Key, self.Value = key, value

    def load(bag: Any, overload: str, path: str, given_as: str, strict: bool, skip: str, report: Any) -> bool:
        report += [Row("w", True), Row("b", False)]
        return honest(bag, overload, path, given_as, strict, skip, report)

    monkeypatch.setattr(net, "load", load)
    assert answer(net, msgspec.structs.replace(into, report=True)).report == {"w": True, "b": False}
