"""What a call makes of the expected file in .NET, what it reads back, how it answers a line; by a double of .NET."""

from __future__ import annotations

import io
import time
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
    NetException,
    NetModule,
    NetTensor,
    module_of,
    written,
)
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.inside import __main__ as main
from tscompat.dotnet_side.inside.clr import DotnetError
from tscompat.dotnet_side.inside.overloads.overload import into
from tscompat.dotnet_side.inside.snapshots import snapshot
from tscompat.dotnet_side.inside.work import Refused, Stopwatch, Work, address, build
from tscompat.dotnet_side.messages import Bag, Fault, Module, NativeModule, Placement, Refusal, Reply
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

BOOL = BY_NAME["bool"]


def work(
    net: Net, module: Module | None = BAG, placement: Placement = CPU, entries: StateDict = ENTRIES, strict: bool = True
) -> Work:
    return Work(net.dotnet, Stopwatch(), placement, module, entries, strict)


# Tensors.


@pytest.mark.parametrize("poison", [False, True])
def test_a_tensor_has_the_bits_or_their_complement(poison: bool) -> None:
    made = work(Net()).tensor(ENTRIES[1].tensor, poison=poison)
    assert (made.code, made.shape) == (I16.code, (1, 2))
    assert bytes(made.data) == (bytes(0xFF - each for each in range(4)) if poison else bytes(range(4)))


def test_a_tensor_without_elements_and_one_without_dims() -> None:
    net = Net()
    for shape, data in (((0, 3), b""), ((), b"\1\2")):
        made = work(net).tensor(Tensor(I16, shape, data), poison=False)
        assert (made.shape, bytes(made.data)) == (shape, data)


@pytest.mark.parametrize(("poison", "quantizer"), [(False, (0.25, 3)), (True, (1.0, 0))])
def test_only_what_is_saved_has_the_quantizer_of_the_case(poison: bool, quantizer: tuple[float, int]) -> None:
    placement = Placement(device="cpu", layout="contiguous", scale=0.25, zero_point=3)
    made = work(Net(), placement=placement).tensor(Tensor(QI8, (1,), b"a"), poison=poison)
    assert made.quantizer == quantizer


@pytest.mark.parametrize(("device", "layout"), [("cpu", "contiguous"), ("cpu", "sliced"), ("cuda", "sliced")])
def test_a_tensor_lies_on_its_device_in_its_layout(device: str, layout: str) -> None:
    made = work(Net(), placement=msgspec.structs.replace(CPU, device=device, layout=layout)).tensor(
        ENTRIES[0].tensor, poison=False
    )
    assert (made.device, made.layout) == (device, layout)


def test_a_tensor_that_has_its_place_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("moved or laid out")

    net = Net()
    monkeypatch.setattr(NetTensor, "to", never)
    monkeypatch.setattr(net, "_lay", never)
    work(net).tensor(ENTRIES[0].tensor, poison=False)


def test_a_layout_that_dotnet_does_not_know_is_refused() -> None:
    with pytest.raises(Refused, match="unknown layout 'odd'"):
        work(Net(), placement=msgspec.structs.replace(CPU, layout="odd"))


def test_an_address_is_that_of_the_elements() -> None:
    assert address(Tensor(F32, (0,), b"")) == 0
    assert address(ENTRIES[0].tensor) != 0


# Modules.


def held(module: Any) -> dict[str, bytes]:
    return {name: bytes(tensor.data) for name, tensor in module.tensors.items()}


BITS = {"w": bytes(range(8)), "b": bytes(range(4))}
COMPLEMENT = {name: bytes(0xFF - each for each in data) for name, data in BITS.items()}


@pytest.mark.parametrize("module", [BAG, NATIVE], ids=["bag", "native"])
@pytest.mark.parametrize(("poison", "expected"), [(False, BITS), (True, COMPLEMENT)])
def test_a_module_has_the_bits_or_their_complement(module: Module, poison: bool, expected: dict[str, bytes]) -> None:
    assert held(work(Net(build=lambda: module_of(ENTRIES)), module).module(poison=poison)) == expected


def test_a_call_without_a_module_is_refused() -> None:
    with pytest.raises(Refused, match=r"^this overload needs a module$"):
        work(Net(), None).module(poison=False)


@pytest.mark.parametrize("module", [NATIVE, None])
def test_a_call_that_needs_a_bag_takes_nothing_else(module: Module | None) -> None:
    with pytest.raises(Refused, match=r"^this call needs a bag of tensors$"):
        work(Net(), module).bag(ENTRIES, poison=False)


def test_a_bag_is_registered_as_described() -> None:
    entries = [*ENTRIES, Entry("t", ENTRIES[0].tensor), Entry("again", ENTRIES[0].tensor)]
    kind = Bag(buffers=(1, 2), tied={"again": "w"}, transient=("t",), nested=True, reversed=False, varied=False)
    made: Any = work(Net(), kind, entries=entries).bag(entries, poison=True)
    assert (list(made.tensors), made.buffers, made.nested) == (["w", "b", "again"], ["b"], {True})
    assert (list(made.transient), made.tied) == (["t"], {"again": ("w", True)})
    assert bytes(made.transient["t"].data) == COMPLEMENT["w"]


@pytest.mark.parametrize(("turned", "names"), [(False, ["w", "b"]), (True, ["b", "w"])])
def test_a_bag_can_be_registered_from_the_last_entry_to_the_first(turned: bool, names: list[str]) -> None:
    made: Any = work(Net(), msgspec.structs.replace(BAG, reversed=turned)).bag(ENTRIES, poison=False)
    assert (list(made.tensors), made.buffers) == (names, ["b"])


@pytest.mark.parametrize("varied", [False, True])
def test_a_bag_is_varied_if_it_is_asked_for(varied: bool) -> None:
    net = Net()
    made = work(net, msgspec.structs.replace(BAG, varied=varied)).bag(ENTRIES, poison=False)
    assert net.varied == ([made] if varied else [])


def test_a_state_dict_to_load_has_the_files_names_and_the_complement() -> None:
    made: Any = work(Net(), msgspec.structs.replace(BAG, nested=True)).state_dict_to_load()
    assert (held(made), made.buffers, made.nested) == (COMPLEMENT, ["w", "b"], {False})


@pytest.mark.parametrize(("device", "moved"), [("cpu", []), ("cuda", ["cuda"])])
def test_a_native_module_is_moved_to_its_device(device: str, moved: list[str]) -> None:
    net = Net(build=lambda: module_of(ENTRIES))
    made = work(net, NATIVE, msgspec.structs.replace(CPU, device=device)).module(poison=False)
    assert made is net.modules[0]
    assert net.moved == moved


def test_a_module_that_cannot_be_moved_is_torchsharp_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "_move", refusing)
    placement = msgspec.structs.replace(CPU, device="cuda")
    with pytest.raises(DotnetError, match=r"System\.Exception: no"):
        work(Net(), NATIVE, placement).module(poison=False)


def test_what_a_native_module_lacks_is_left_out() -> None:
    net = Net(build=lambda: module_of(ENTRIES[:1]))
    assert held(work(net, NATIVE).module(poison=False)) == {"w": BITS["w"]}


def test_a_module_is_built_by_its_description() -> None:
    net = Net()
    assert build(net.dotnet, NativeModule("arch", "mlp", "bf16")) is net.modules[0]
    assert net.built == [("arch", "mlp", BY_NAME["bf16"].code)]


def test_a_module_that_torchsharp_refuses_to_build_is_its_refusal() -> None:
    def refuse() -> NetModule:
        raise NetException("System.Exception", "no")

    with pytest.raises(DotnetError) as refused:
        build(Net(build=refuse).dotnet, NATIVE)
    assert (refused.value.type_name, refused.value.message) == ("System.Exception", "no")
    assert str(refused.value) == "System.Exception: no"


OTHER = [Entry("w", Tensor(F32, (2,), b"\7" * 8)), Entry("b", Tensor(I16, (1, 2), bytes(4)))]


def test_other_bits_are_written_into_a_module() -> None:
    this = work(Net())
    module: Any = this.module(poison=False)
    this.overwrite(module, OTHER)
    assert held(module) == {"w": b"\7" * 8, "b": bytes(4)}


def test_other_bits_are_written_into_a_tensor() -> None:
    this = work(Net())
    tensor = this.tensor(ENTRIES[0].tensor, poison=False)
    this.overwrite(tensor, OTHER)
    assert bytes(tensor.data) == b"\7" * 8


@pytest.mark.parametrize(
    "entry", [Entry("more", ENTRIES[0].tensor), Entry("w", ENTRIES[1].tensor), Entry("w", Tensor(F32, (1,), bytes(4)))]
)
def test_what_a_module_lacks_cannot_be_overwritten(entry: Entry) -> None:
    this = work(Net())
    with pytest.raises(Refused, match=f"^the module has no tensor '{entry.name}' of this dtype and size$"):
        this.overwrite(this.module(poison=False), [entry])


@pytest.mark.parametrize(("strict", "how"), [(True, ()), (False, (False,))])
def test_strict_is_left_out_where_it_is_the_default(strict: bool, how: tuple[bool, ...]) -> None:
    assert work(Net(), strict=strict).how == how


def test_a_load_into_an_object_returns_that_object() -> None:
    calls: list[tuple[Any, ...]] = []

    def load(*arguments: Any) -> None:
        calls.append(arguments)

    this = work(Net())
    assert into(load)(this, "held", "path") == "held"
    assert calls == [(this, "held", "path")]


# What memory holds.


def test_a_snapshot_has_the_entries_as_they_lie_in_memory() -> None:
    scalar, nothing = Entry("s", Tensor(BOOL, (), b"\1")), Entry("n", Tensor(F32, (0, 2), b""))
    entries = [*ENTRIES, nothing, scalar]
    net = Net()
    module = work(net, entries=entries).bag(entries, poison=False)
    with snapshot(net.dotnet, Stopwatch(), module, module) as (taken, found):
        assert taken is net.snapshots[0]
        assert [(name, dtype.name, shape) for name, (dtype, shape, _) in found] == [
            (name, dtype.name, shape) for name, (dtype, shape, _) in entries
        ]
        assert [bytes(data) for _, (_, _, data) in found] == [bytes(data) for _, (_, _, data) in entries]
        assert net.modules[0].disposed == 0
    assert (net.modules[0].disposed, net.snapshots[0].disposed) == (1, 1)


def test_a_module_without_tensors_has_no_entries() -> None:
    net = Net()
    with snapshot(net.dotnet, Stopwatch(), NetModule()) as (_, found):
        assert found == []


def test_after_an_error_everything_is_disposed_of() -> None:
    net, module = Net(), NetModule()
    with pytest.raises(ValueError, match="no"), snapshot(net.dotnet, Stopwatch(), module, module):
        raise ValueError("no")
    assert (module.disposed, net.snapshots[0].disposed) == (1, 1)


def refusing(*_: Any) -> Any:
    raise NetException("System.Exception", "no")


def test_values_that_torchsharp_cannot_give_are_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "_snapshot", refusing)
    net = Net()
    with pytest.raises(DotnetError, match=r"System\.Exception: no"), snapshot(net.dotnet, Stopwatch(), NetModule()):
        pass


# Time.


def test_of_nested_times_the_outermost_counts() -> None:
    watch = Stopwatch()
    with watch.running():
        with watch.running():
            time.sleep(0.02)
        assert watch.seconds == 0
    first = watch.seconds
    assert 0.02 <= first < 10
    with watch.running():
        time.sleep(0.02)
    assert watch.seconds >= first + 0.02


# Lines.


def replied(line: bytes) -> Reply:
    stream = io.BytesIO()
    main._send(stream, main._reply(Net(build=lambda: module_of(ENTRIES)).dotnet, line))  # pyright: ignore[reportPrivateUsage]
    assert stream.getvalue().endswith(b"\n")
    assert stream.getvalue().count(b"\n") == 1
    return messages.decode_reply(stream.getvalue())


def test_a_line_is_answered_by_a_line() -> None:
    found = replied(messages.encode(messages.Schema(NATIVE)))
    assert isinstance(found.answer, messages.SchemaFound)
    assert [entry.name for entry in found.answer.entries] == ["w", "b"]
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b"{}", "missing required field `call`"), (b'{"call": "schemata"}', "Invalid value 'schemata'")],
)
def test_a_line_that_is_no_call_is_refused(line: bytes, reason: str) -> None:
    found = replied(line)
    assert isinstance(found.answer, Refusal)
    assert reason in found.answer.reason
    assert found.seconds == 0


def test_what_the_peer_does_not_know_is_refused(tmp_path: Path) -> None:
    expected = written(tmp_path / "expected", ENTRIES)
    call = messages.Load("dot", expected, expected, BAG, CPU, identity=False, strict=True)
    found = replied(messages.encode(call))
    assert isinstance(found.answer, Refusal)
    assert found.answer.reason.startswith("unknown overload 'dot'; this peer knows ")


def test_a_fault_of_ours_is_answered_with_the_last_lines_of_its_traceback() -> None:
    call = messages.Load("module-path", "/nowhere/expected", "", BAG, CPU, identity=False, strict=True)
    found = replied(messages.encode(call))
    assert isinstance(found.answer, Fault)
    lines = found.answer.traceback.splitlines()
    assert len(lines) == main.FAULT_LINES
    assert lines[-1] == "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/expected'"
    assert found.seconds == 0
