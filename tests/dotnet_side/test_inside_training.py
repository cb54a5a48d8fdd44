"""A training in the peer, with a double of .NET: what each step gets, and what is written down after it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dotnet_double import ENTRIES, F32, NATIVE, Net, NetException, NetModule, NetTensor, module_of, written
from tscompat.codec import read_state_dict
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.inside import calls
from tscompat.dotnet_side.inside.work import Refused
from tscompat.dotnet_side.messages import Done, Thrown
from tscompat.values.tensors import Entry, Tensor

OPTIONS = {"initial_lr": 0.25, "lr": 0.5, "lr_decay": 0.0, "eps": 1e-8}


def number(name: str, value: float) -> Entry:
    return Entry(name, Tensor(F32, (), struct.pack("<f", value)))


BATCHES = [
    *(number("input.0.0", 1), number("input.0.1", 2), number("target.0.0", 3)),
    *(number("input.1.0", 4), number("input.1.1", 5), number("target.1.0", 6)),
    *(number("input.10.0", 7), number("target.10.0", 8)),  # not of step 1
]


class Group:
    def __init__(self, members: list[NetTensor], options: SimpleNamespace) -> None:
        self.members, self.options = members, options
        self.InitialLearningRate = None


class Optimizer:
    Options = SimpleNamespace
    ParamGroup = Group

    def __init__(self, groups: list[Group], rate: float) -> None:
        self.groups, self.disposed = groups, 0

    def Dispose(self) -> None:  # noqa: N802
        self.disposed += 1


class Trained(NetModule):
    def parameters(self) -> list[NetTensor]:
        return [self.tensors["w"]]


@dataclass
class Lesson:
    """What the steps were given, and a step that counts the first byte of a module's tensor up."""

    steps: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    losses: list[NetTensor] = field(default_factory=list[NetTensor])
    loaded: list[bytes] = field(default_factory=list[bytes])
    error: NetException | None = None

    def step(self, module: Trained, optimizer: Any, loss: str, inputs: list[NetTensor], target: NetTensor) -> NetTensor:
        if self.error:
            raise self.error
        self.loaded.append(bytes(module.tensors["w"].data))
        values = [struct.unpack("<f", each.data)[0] for each in (*inputs, target)]
        self.steps.append((optimizer, loss, values))
        module.tensors["w"].data[0] = len(self.steps)
        self.losses.append(NetTensor(F32.code, (), bytearray(struct.pack("<f", len(self.steps))), (1.0, 0)))
        return self.losses[-1]


@pytest.fixture
def net() -> Net:
    def build() -> NetModule:
        made = Trained()
        for name, tensor in module_of(ENTRIES, ["b"]).tensors.items():
            made.Add(name, tensor, name == "b", False)
        return made

    return Net(build=build)


@pytest.fixture
def call(tmp_path: Path) -> messages.Train:
    return messages.Train(
        expected=written(tmp_path / "expected", ENTRIES),
        module=NATIVE,
        batches=written(tmp_path / "batches", BATCHES),
        optimizer="Adagrad",
        options=OPTIONS,
        loss="mse_loss",
        steps=2,
        outputs=str(tmp_path / "outputs"),
        device="cpu",
        run=None,
    )


def answer(net: Net, lesson: Lesson, call: messages.Train) -> Any:
    array = {NetTensor: list, Group: list, "parameter": list}
    dotnet = replace(
        net.dotnet,
        Training=SimpleNamespace(Knows=("mse_loss",).__contains__, Step=lesson.step),
        Optimizers=SimpleNamespace(Adagrad=Optimizer, Parameter="parameter"),
        Array=array,
    )
    return calls.reply(dotnet, call).answer


def test_each_step_gets_its_own_batch(net: Net, call: messages.Train) -> None:
    lesson = Lesson()
    assert answer(net, lesson, call) == Done()
    assert [(loss, values) for _, loss, values in lesson.steps] == [("mse_loss", [1, 2, 3]), ("mse_loss", [4, 5, 6])]


def test_the_optimizer_has_the_options_and_all_parameters(net: Net, call: messages.Train) -> None:
    lesson = Lesson()
    answer(net, lesson, call)
    (group,) = lesson.steps[0][0].groups
    assert vars(group.options) == {"InitialLearningRate": 0.25, "LearningRate": 0.5, "lr_decay": 0.0, "eps": 1e-8}
    assert (group.members, group.InitialLearningRate) == ([net.modules[0].tensors["w"]], 0.25)


def test_the_module_is_loaded_from_the_file_and_in_train_mode(net: Net, call: messages.Train) -> None:
    lesson = Lesson()
    answer(net, lesson, call)
    assert lesson.loaded[0] == bytes(range(8))
    assert (net.modules[0].loads, net.modules[0].trained) == ([(call.expected,)], [True])


def test_before_it_is_loaded_the_module_has_other_bits(
    net: Net, call: messages.Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(self: Trained, path: str) -> None:
        pass

    monkeypatch.setattr(Trained, "load", nothing)
    lesson, call = Lesson(), msgspec.structs.replace(call, steps=1)
    answer(net, lesson, call)
    assert lesson.loaded == [bytes(0xFF - each for each in range(8))]


def test_each_loss_and_all_tensors_after_each_step_are_written_down(net: Net, call: messages.Train) -> None:
    answer(net, Lesson(), call)
    found = {name: bytes(tensor.data) for name, tensor in read_state_dict(call.outputs)}
    assert found == {
        "loss.0": struct.pack("<f", 1),
        "step.0.w": bytes([1, *range(1, 8)]),
        "step.0.b": bytes(range(4)),
        "loss.1": struct.pack("<f", 2),
        "step.1.w": bytes([2, *range(1, 8)]),
        "step.1.b": bytes(range(4)),
    }


def test_all_that_is_made_is_disposed_of(net: Net, call: messages.Train) -> None:
    lesson = Lesson()
    answer(net, lesson, call)
    made = [*lesson.losses, *net.tensors, net.modules[0], lesson.steps[0][0]]
    assert [each.disposed for each in made] == [1] * len(made)


def test_what_a_step_throws_is_the_answer(net: Net, call: messages.Train) -> None:
    error = NetException("System.Exception", "no")
    assert answer(net, Lesson(error=error), call) == Thrown("System.Exception", "no")


@pytest.mark.parametrize("change", [{"loss": "l1_loss"}, {"optimizer": "Adagrade"}], ids=["loss", "optimizer"])
def test_what_the_peer_does_not_know_is_refused(net: Net, call: messages.Train, change: dict[str, str]) -> None:
    with pytest.raises(Refused, match="unknown optimizer or loss: "):
        answer(net, Lesson(), msgspec.structs.replace(call, **change))


def test_tensors_are_made_on_the_calls_device(net: Net, call: messages.Train) -> None:
    answer(net, Lesson(), msgspec.structs.replace(call, device="cuda"))
    assert net.moved == ["cuda"]
    assert {tensor.device for tensor in net.tensors} == {"cuda"}
