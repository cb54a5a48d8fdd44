"""The calls that the peer answers, with a double of .NET: what a load is compared with, and what a call must leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dotnet_double import Net, NetException, NetModule, NetTensor, module_of, written
from doubles import nothing
from tscompat.codec import encode_state_dict, encode_tensor, read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.inside import calls
from tscompat.dotnet_side.inside.clr import Dotnet
from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.inside.overloads.overload import Overload
from tscompat.dotnet_side.inside.probes import CannotTry
from tscompat.dotnet_side.inside.work import Refused, Work
from tscompat.dotnet_side.messages import Bag, Done, Loaded, NativeModule, Placement, Thrown
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, flipped

CPU = Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0)
BAG = Bag(buffers=(1,), tied={}, transient=(), nested=False, reversed=False)
NATIVE = NativeModule("layer", "{}", "f16")
F32, I16, QI8 = BY_NAME["f32"], BY_NAME["i16"], BY_NAME["qi8"]
ENTRIES = [Entry("w", Tensor(F32, (2,), bytes(range(8)))), Entry("b", Tensor(I16, (1, 2), bytes(range(4))))]


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def load(tmp_path: Path) -> messages.Load:
    """A load of a good file into a bag of the same tensors."""
    expected, artifact = written(tmp_path / "expected", ENTRIES), written(tmp_path / "artifact", ENTRIES)
    return messages.Load("module-path", expected, artifact, BAG, CPU, identity=False, strict=True)


def answer(net: Net, call: Any) -> Any:
    return calls.reply(net.dotnet, call).answer


def kinds(loaded: Any) -> list[tuple[str, str | None]]:
    assert isinstance(loaded, Loaded)
    return [(each.kind, each.first.entry if each.first else None) for each in loaded.differences]


def changed(place: int, entries: StateDict = ENTRIES) -> StateDict:
    """The entries with other bits in the one at this place."""
    (other,) = flipped([entries[place]], 1)
    return [*entries[:place], other, *entries[place + 1 :]]


# Loads.


def test_a_good_load_differs_in_nothing(net: Net, load: messages.Load) -> None:
    assert answer(net, load) == Loaded((), (), (), digest(ENTRIES), None)


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


# Forward passes.

INPUTS = [Entry("x", Tensor(F32, (2,), bytes(range(8, 16))))]


@pytest.fixture
def forward(net: Net, tmp_path: Path) -> messages.Forward:
    """A forward pass whose outputs are the module's tensor and the input."""
    net.build = lambda: module_of(ENTRIES, buffers=["b"])
    net.compute = lambda module, inputs: [copy(module.tensors["w"]), *map(copy, inputs)]
    return messages.Forward(
        load=False,
        dtype="f16",
        expected=written(tmp_path / "expected", ENTRIES),
        module=NATIVE,
        inputs=written(tmp_path / "inputs", INPUTS),
        outputs=str(tmp_path / "outputs"),
        train=False,
        device="cpu",
    )


def copy(tensor: NetTensor) -> NetTensor:
    return NetTensor(tensor.code, tensor.shape, bytearray(tensor.data), (1.0, 0))


def outputs(call: messages.Forward) -> dict[str, bytes]:
    return {name: bytes(memoryview(tensor.data).cast("B")) for name, tensor in read_state_dict(call.outputs)}


def test_a_forward_pass_computes_with_the_bits_and_the_inputs(net: Net, forward: messages.Forward) -> None:
    assert answer(net, forward) == Done()
    assert outputs(forward) == {"0": bytes(range(8)), "1": bytes(range(8, 16))}
    (module,) = net.modules
    assert (module.trained, module.loads, net.typed, net.moved) == ([False], [], [], [])
    assert module.disposed == 1


def test_a_loaded_module_has_the_complement_before(net: Net, forward: messages.Forward) -> None:
    seen: list[bytes] = []
    honest = NetModule.load

    class Module(NetModule):
        def load(self, path: str, *strict: bool) -> None:
            seen.append(bytes(self.tensors["w"].data))
            honest(self, path, *strict)

    def build() -> NetModule:
        made = Module()
        for name, tensor in module_of(ENTRIES, ["b"]).tensors.items():
            made.Add(name, tensor, name == "b", False)
        return made

    net.build = build
    answer(net, msgspec.structs.replace(forward, load=True))
    assert seen == [bytes(0xFF - each for each in range(8))]
    assert net.modules[0].loads == [(forward.expected,)]
    assert outputs(forward)["0"] == bytes(range(8))


def test_a_module_is_converted_if_it_computes_in_another_dtype(net: Net, forward: messages.Forward) -> None:
    answer(net, msgspec.structs.replace(forward, dtype="f32"))
    assert net.typed == [F32.code]


def test_in_train_mode_the_buffers_are_the_result(net: Net, forward: messages.Forward) -> None:
    answer(net, msgspec.structs.replace(forward, train=True))
    assert outputs(forward) == {"b": bytes(range(4))}
    assert net.modules[0].trained == [True]


def test_a_forward_pass_runs_on_its_device(net: Net, forward: messages.Forward) -> None:
    answer(net, msgspec.structs.replace(forward, device="cuda"))
    assert net.moved == ["cuda"]
    assert [(tensor.device, tensor.layout) for tensor in net.tensors] == [("cuda", "contiguous")]


def test_the_inputs_are_plain_tensors(net: Net, forward: messages.Forward) -> None:
    answer(net, forward)
    assert [(tensor.device, tensor.layout, tensor.quantizer) for tensor in net.tensors] == [
        ("cpu", "contiguous", (1.0, 0))
    ]


def test_outputs_are_disposed_of(net: Net, forward: messages.Forward) -> None:
    made: list[NetTensor] = []

    def compute(module: NetModule, inputs: list[NetTensor]) -> list[NetTensor]:
        made.append(copy(inputs[0]))
        return made

    net.compute = compute
    answer(net, forward)
    assert [tensor.disposed for tensor in made] == [1]


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


# Programs.


def test_a_program_runs_with_the_inputs(net: Net, tmp_path: Path) -> None:
    net.modules.append(module_of(ENTRIES))
    made: list[NetTensor] = []

    def compute(program: NetModule, inputs: list[NetTensor]) -> list[NetTensor]:
        assert program is net.modules[0]
        made.extend(map(copy, inputs))
        return made

    net.compute = compute
    placement = msgspec.structs.replace(CPU, device="cuda")
    inputs, found = written(tmp_path / "inputs", INPUTS), str(tmp_path / "outputs")
    call = messages.RunProgram("script-path", "program.pt", inputs, found, placement)
    assert answer(net, call) == Done()
    assert digest(read_state_dict(found)) == digest([Entry("0", INPUTS[0].tensor)])
    assert net.loads == [("program.pt", "cuda")]
    assert [each.disposed for each in (*net.modules, *made)] == [1, 1]


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
