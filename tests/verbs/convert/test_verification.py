"""The verification of a converted file: whether the real TorchSharp loads the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from samples import random_entry, to_torch
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.messages import OptimizerUsed, Thrown, UseOptimizer
from tscompat.values.dtypes import DTYPES
from tscompat.values.verdict import Kind, Verdict
from tscompat.verbs import peer
from tscompat.verbs.convert import Conversion, OptimizerConversion, prepare, prepare_optimizer


@pytest.fixture
def converted(tmp_path: Path) -> Conversion:
    """A conversion of tensors of every dtype under names of every kind."""
    names = ["a.b.weight", "a.b", "", "ñ 名", *(dtype.name for dtype in DTYPES[4:])]
    entries = [random_entry(name, dtype) for name, dtype in zip(names, DTYPES, strict=True)]
    torch.save(to_torch(entries), tmp_path / "a.pth")
    conversion = prepare(tmp_path / "a.pth", tmp_path / "b.dat", tell=print)
    conversion.write(lambda written: None)
    return conversion


def test_the_same_bits(converted: Conversion, publish: Publish) -> None:
    assert converted.verify(print) == Verdict(Kind.PASS)


def test_a_file_that_is_not_what_the_source_holds(converted: Conversion, publish: Publish) -> None:
    data = bytearray(converted.target.read_bytes())
    data[-1] ^= 1
    converted.target.write_bytes(data)
    assert converted.verify(print).kind is Kind.BITS


def test_a_model_larger_than_the_memory_is_not_tried(converted: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10**8))
    verdict = converted.verify(print)
    assert verdict == Verdict(Kind.NOT_RUN, "TorchSharp would take 1.0 GB of memory, 0.1 are available")


def test_without_dotnet(converted: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    verdict = converted.verify(print)
    assert (verdict.kind, verdict.detail.partition(":")[0]) == (Kind.NOT_RUN, "there is no dotnet on PATH")


@pytest.fixture(params=["SGD", "Adam"])
def optimizer(request: pytest.FixtureRequest, tmp_path: Path) -> OptimizerConversion:
    """A conversion of an optimizer: of SGD without tensors in its state, of Adam with them."""
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((3, 4), (), (5,))]
    made = getattr(torch.optim, request.param)([{"params": parameters[:1]}, {"params": parameters[1:]}], lr=0.25)
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 0.5)
    made.step()
    torch.save(made.state_dict(), tmp_path / "a.pth")
    conversion = prepare_optimizer(tmp_path / "a.pth", tmp_path / "b.dat", name=request.param, tell=print)
    conversion.write(lambda written: None)
    return conversion


def test_the_same_state_of_an_optimizer(optimizer: OptimizerConversion, publish: Publish) -> None:
    assert optimizer.verify(print) == Verdict(Kind.PASS)


def test_an_option_that_is_not_what_the_source_holds(optimizer: OptimizerConversion, publish: Publish) -> None:
    data = bytearray(optimizer.target.read_bytes())
    first = data.index(optimizer.record.name.encode()) + len(optimizer.record.name) + 2
    data[first] ^= 1
    optimizer.target.write_bytes(data)
    verdict = optimizer.verify(print)
    assert (verdict.kind, "group.0.initial_lr" in verdict.detail) == (Kind.BITS, True)


def answered(
    optimizer: OptimizerConversion, monkeypatch: pytest.MonkeyPatch, answer: Callable[[UseOptimizer], OptimizerUsed]
) -> Verdict:
    """The verdict where the peer gives this answer."""

    class Peer:
        def __init__(self, start: object) -> None: ...

        def ask(self, call: UseOptimizer, seconds: float) -> OptimizerUsed:
            return answer(call)

        def close(self) -> None: ...

    def built(choice: object, progress: object) -> SimpleNamespace:
        return SimpleNamespace(folder=optimizer.target.parent)

    monkeypatch.setattr(peer, "PeerKeeper", Peer)
    monkeypatch.setattr(peer, "chosen", built)
    return optimizer.verify(print)


@pytest.mark.parametrize("stage", ["begin", "save"])
def test_what_torchsharp_throws_at_an_optimizer_is_a_refusal(
    stage: str, optimizer: OptimizerConversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown = OptimizerUsed({stage: Thrown("System.IO.IOException", "no")})
    assert answered(optimizer, monkeypatch, lambda call: thrown) == Verdict(Kind.REFUSED, "System.IO.IOException: no")


def test_a_state_that_torchsharp_saves_as_other_bytes(
    optimizer: OptimizerConversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: UseOptimizer) -> OptimizerUsed:
        data = optimizer.target.read_bytes()
        Path(call.memory[0]).write_bytes(data)
        Path(call.save).write_bytes(data + b"\0")
        return OptimizerUsed({})

    assert answered(optimizer, monkeypatch, answer).kind is Kind.BYTES
