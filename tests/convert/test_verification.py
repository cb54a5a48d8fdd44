"""The real TorchSharp says whether it loads the same bits."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch
from samples import random_entry, to_torch

from tscompat.convert import Conversion, prepare
from tscompat.dtypes import DTYPES
from tscompat.peer.build import Publish
from tscompat.verdict import Kind, Verdict


@pytest.fixture
def converted(tmp_path: Path) -> Conversion:
    """Tensors of every dtype under names of every kind."""
    names = ["a.b.weight", "a.b", "", "ñ 名", *(dtype.name for dtype in DTYPES[4:])]
    entries = [random_entry(name, dtype) for name, dtype in zip(names, DTYPES, strict=True)]
    torch.save(to_torch(entries), tmp_path / "a.pth")
    conversion = prepare(tmp_path / "a.pth", tmp_path / "b.dat", tell=print)
    conversion.carry_out(lambda written: None)
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
