"""Forward passes and programs that the peer runs, with a double of .NET: what they use, and what they leave."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dotnet_double import (
    CPU,
    ENTRIES,
    F32,
    NATIVE,
    Net,
    NetModule,
    NetTensor,
    answer,
    copy,
    module_of,
    written,
)
from tscompat.codec import read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import Done
from tscompat.values.tensors import Entry, Tensor

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


def outputs(call: messages.Forward) -> dict[str, bytes]:
    return {name: bytes(memoryview(tensor.data).cast("B")) for name, tensor in read_state_dict(call.outputs)}


def test_a_forward_pass_computes_with_the_bits_and_the_inputs(net: Net, forward: messages.Forward) -> None:
    assert answer(net, forward) == Done()
    assert outputs(forward) == {"0": bytes(range(8)), "1": bytes(range(8, 16))}
    (module,) = net.modules
    assert (module.trained, module.loads, net.typed, net.moved) == ([False], [], [], [])
    assert module.disposed == 1


@pytest.mark.parametrize(
    ("train", "name", "words"),
    [
        (False, "w", ("the bits of 'w'",)),
        (True, "w", ("the bits of 'w'",)),
        (False, "b", ("the bits of 'b'",)),
        (True, "b", ()),
    ],
)
def test_a_pass_changes_buffers_in_train_mode_alone(
    net: Net, forward: messages.Forward, train: bool, name: str, words: tuple[str, ...]
) -> None:
    def computing(module: NetModule, inputs: list[NetTensor]) -> list[NetTensor]:
        module.tensors[name].data[0] ^= 1
        return list(map(copy, inputs))

    net.compute = computing
    assert answer(net, msgspec.structs.replace(forward, train=train)) == Done(words)


@pytest.mark.parametrize("train", [False, True])
def test_a_pass_that_changes_its_input_states_it(net: Net, forward: messages.Forward, train: bool) -> None:
    def computing(module: NetModule, inputs: list[NetTensor]) -> list[NetTensor]:
        outputs = list(map(copy, inputs))
        inputs[0].data[0] ^= 1
        return outputs

    net.compute = computing
    assert answer(net, msgspec.structs.replace(forward, train=train)) == Done(("the bits of input 0",))


@pytest.mark.parametrize("train", [False, True])
def test_a_pass_that_changes_the_mode_states_it(net: Net, forward: messages.Forward, train: bool) -> None:
    def computing(module: NetModule, inputs: list[NetTensor]) -> list[NetTensor]:
        module.flags["the mode of the module"] = "another"
        return list(map(copy, inputs))

    net.compute = computing
    assert answer(net, msgspec.structs.replace(forward, train=train)) == Done(
        ("the mode of the module: train before, another after",)
    )


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
