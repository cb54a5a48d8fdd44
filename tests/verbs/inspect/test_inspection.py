"""What a file holds: its tensors, ties, totals, and what is no tensor."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import Item, Model, ModelFileError, Unfit
from tscompat.values.dtypes import BY_NAME
from tscompat.verbs.inspect import inspection
from tscompat.verbs.inspect.document import SCHEMA, OtherFound, Quantizer, Total
from tscompat.verbs.inspect.inspection import inspect
from verbs.items import entry, item, write


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    shared = torch.arange(6.0).reshape(2, 3)
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.5, 3, torch.qint8)
    state = {"a": shared, "n": torch.tensor(7), "b": shared, "q": quantized, "e": torch.empty(0, 4)}
    state |= {"version": 3, "s": torch.eye(2).to_sparse()}
    torch.save(state, tmp_path / "a.pth")
    return tmp_path / "a.pth"


def test_the_tensors_in_their_order(checkpoint: Path) -> None:
    found = [(each.name, each.dtype, each.shape, each.bytes) for each in inspect(checkpoint).tensors]
    assert found == [
        ("a", "float32", (2, 3), 24),
        ("n", "int64", (), 8),
        ("b", "float32", (2, 3), 24),
        ("q", "qint8", (2,), 2),
        ("e", "float32", (0, 4), 0),
    ]


def test_totals(checkpoint: Path) -> None:
    found = inspect(checkpoint)
    assert (found.total, found.by_dtype["float32"]) == (
        Total(tensors=5, elements=15, bytes=58),
        Total(tensors=3, elements=12, bytes=48),
    )


def test_ties_name_the_first_name(checkpoint: Path) -> None:
    assert {each.name: each.tied_to for each in inspect(checkpoint).tensors if each.tied_to} == {"b": "a"}


def test_every_further_name_is_tied_to_the_first(tmp_path: Path) -> None:
    shared = torch.ones(2)
    torch.save({"a": shared, "b": shared, "c": shared}, tmp_path / "a.pth")
    assert [each.tied_to for each in inspect(tmp_path / "a.pth").tensors] == [None, "a", "a"]


def test_a_quantizer(checkpoint: Path) -> None:
    quantizers = {each.name: each.quantizer for each in inspect(checkpoint).tensors if each.quantizer}
    assert quantizers == {"q": Quantizer(scale=0.5, zero_point=3)}


def test_a_quantizer_that_changes_nothing_is_one_too(tmp_path: Path) -> None:
    torch.save({"q": torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)}, tmp_path / "a.pth")
    assert [each.quantizer for each in inspect(tmp_path / "a.pth").tensors] == [Quantizer(scale=1.0, zero_point=0)]


def test_what_is_no_tensor_or_no_dense_one(checkpoint: Path) -> None:
    found = inspect(checkpoint)
    assert ([each.name for each in found.others], found.passed) == (["s"], ("version",))


def test_elements_are_read_only_for_statistics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ModelFileError("read")

    def read(*_: object) -> Model:
        return Model(tmp_path, "a kind", [Item("w", BY_NAME["f32"], (2,), fail, copies=False, offset=12)])

    monkeypatch.setattr(inspection, "read", read)
    assert [each.offset for each in inspect(tmp_path).tensors] == [12]
    with pytest.raises(ModelFileError, match="read"):
        inspect(tmp_path, stats=True)


def test_what_the_model_states(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    contents = [item([1.0], name=""), Unfit("x\udc80", "why\udc80")]

    def read(path: Path, key: str, tell: object, form: str) -> Model:
        assert callable(tell)
        tell("a note\udc80")
        return Model(path, f"a kind at {key}{form}", contents, {"by": "torch 1.4\udc80"}, ["epoch\udc80"], single=True)

    monkeypatch.setattr(inspection, "read", read)
    notes: list[str] = []
    found = inspect(tmp_path / "a", key="ema", form=" as dat", tell=notes.append)
    assert (found.kind, found.size, found.about, found.single, found.notes, found.others, found.passed, notes) == (
        "a kind at ema as dat",
        5,
        {"by": r"torch 1.4\udc80"},
        True,
        (r"a note\udc80",),
        (OtherFound(name=r"x\udc80", why=r"why\udc80"),),
        (r"epoch\udc80",),
        ["a note\udc80"],
    )


def files(folder: Path) -> list[Path]:
    """A file of each format, with a NaN and an infinity."""
    values = torch.tensor([1.0, float("nan"), float("-inf")])
    torch.save({"w": values, "n": 1}, folder / "a.pth")
    save_safetensors({"w": values}, folder / "a.safetensors")
    np.savez(folder / "a.npz", w=values.numpy())
    write(folder / "a.dat", entry("w", [1, np.nan]), entry("c", [[1, 2]], "c64"), entry("i", [2**63 - 1], "i64"))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("stats", [False, True])
@pytest.mark.parametrize("place", range(4), ids=["dat", "npz", "pth", "safetensors"])
def test_the_document_follows_its_schema(place: int, stats: bool, tmp_path: Path) -> None:
    document = msgspec.json.encode(inspect(files(tmp_path)[place], stats=stats))
    jsonschema.validate(json.loads(document), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises((ModelFileError, OSError), match=r"none\.dat"):
        inspect(tmp_path / "none.dat")
