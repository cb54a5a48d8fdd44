"""The probes about devices, with a double of .NET: a module on CUDA must be there, and list each name once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.dotnet_side.inside import probes
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

ENTRIES: StateDict = [Entry("w", Tensor(BY_NAME["u8"], (1,), b"\1")), Entry("b", Tensor(BY_NAME["u8"], (1,), b"\2"))]
OTHER: StateDict = [ENTRIES[0], Entry("b", Tensor(BY_NAME["u8"], (1,), b"\3"))]


class Module:
    """Parameters ``w`` and a buffer ``b``; with ``twice`` each name is listed as often after a move."""

    def __init__(self, *, moves: bool = True, twice: bool = False) -> None:
        self.device, self.moves, self.twice, self.calls = "cpu", moves, twice, list[str]()

    def load(self, file: str) -> None:
        self.calls.append("load")

    def move(self, device: str) -> Module:
        self.calls.append("move")
        self.device = f"{device}:0" if self.moves else "cpu"
        return self

    def named_parameters(self) -> list[str]:
        return ["w", "w"] if self.twice else ["w"]

    def named_buffers(self) -> list[str]:
        return ["b"]


@pytest.mark.parametrize(
    ("probe", "module", "held", "observed"),
    [
        ("load-then-move", Module(), ENTRIES, "the same bits on the device"),
        ("move-then-load", Module(), ENTRIES, "the same bits on the device"),
        ("move-then-load", Module(), OTHER, "other bits"),
        ("move-then-load", Module(moves=False), ENTRIES, "on cpu"),
        ("move-then-load", Module(twice=True), ENTRIES, "3 names of 2 tensors"),
    ],
    ids=["load first", "move first", "bits", "device", "names"],
)
def test_a_module_on_a_device(
    monkeypatch: pytest.MonkeyPatch, probe: str, module: Module, held: StateDict, observed: str
) -> None:
    def on_the_cpu(work: object) -> Module:
        return module

    monkeypatch.setattr(probes, "_on_the_cpu", on_the_cpu)
    dotnet = SimpleNamespace(
        Modules=SimpleNamespace(To=lambda of, device: of.move(device)),  # pyright: ignore
        Loading=SimpleNamespace(DeviceOf=lambda of: of.device),  # pyright: ignore
    )
    placement = SimpleNamespace(device="cuda")
    work: Any = SimpleNamespace(dotnet=dotnet, placement=placement, entries=ENTRIES)
    call: Any = SimpleNamespace(expected="expected.dat", placement=placement)
    assert probes.PROBES[probe](work, call, lambda of: held) == observed
    assert module.calls == (["load", "move"] if probe == "load-then-move" else ["move", "load"])
