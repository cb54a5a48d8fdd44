"""What differs between two model files, of the same format and of two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
import torch

from samples import convert, save_safetensors
from tscompat.files.item import Contents, Item, Model, ModelFileError, Unfit
from tscompat.verbs.diff import comparison
from tscompat.verbs.diff.comparison import diff
from tscompat.verbs.diff.document import SCHEMA, Comparison, Lone, Misplaced, Renamed, Unlike
from verbs.items import item

State = dict[str, Any]


@pytest.fixture
def state() -> State:
    return {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.ones(2), "n": torch.tensor(3)}


def compared(folder: Path, a: State, b: State, **options: Any) -> Comparison:
    torch.save(a, folder / "a.pth")
    torch.save(b, folder / "b.pth")
    return diff(folder / "a.pth", folder / "b.pth", **options)


def test_equal(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, state)
    assert (found.outcome, found.compared, found.equal, found.order) == ("equal", 3, 3, None)


@pytest.mark.parametrize("target", [".dat", ".safetensors", ".pth"])
def test_a_converted_file_is_equal(target: str, state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / f"b{target}")
    assert diff(tmp_path / "a.pth", tmp_path / f"b{target}").outcome == "equal"


def test_only_in_one_of_them(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, {"fc.weight": state["fc.weight"], "x": torch.ones(7)})
    assert (found.outcome, [each.name for each in found.missing], found.extra) == (
        "different",
        ["fc.bias", "n"],
        (Lone(name="x", dtype="float32", shape=(7,)),),
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_tensor_more_alone_is_a_difference(turned: bool, state: State, tmp_path: Path) -> None:
    sides = [state, {**state, "x": torch.ones(7)}]
    assert compared(tmp_path, *(reversed(sides) if turned else sides)).outcome == "different"


def test_other_names_alone_are_a_difference(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, {f"module.{name}": tensor for name, tensor in state.items()})
    assert (found.outcome, found.equal, found.renamed[0], len(found.renamed)) == (
        "different",
        3,
        Renamed(a="fc.weight", b="module.fc.weight", by="bits"),
        3,
    )


def test_values_under_another_name_are_compared(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, {f"module.{name}": tensor + 1 for name, tensor in state.items()})
    assert {(each.a, each.b) for each in found.values} == {(name, f"module.{name}") for name in state}


def test_another_dtype(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, {**state, "n": torch.tensor(3, dtype=torch.int32)})
    assert (found.unlike, found.compared, found.outcome) == (
        (Unlike(a="n", b="n", what="dtype", in_a="int64", in_b="int32"),),
        2,
        "different",
    )


def test_another_shape(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, {**state, "fc.bias": torch.ones(2, 1)}, atol=1)
    assert found.unlike == (Unlike(a="fc.bias", b="fc.bias", what="shape", in_a="[2]", in_b="[2, 1]"),)


def test_another_quantizer(tmp_path: Path) -> None:
    a, b = (torch.quantize_per_tensor(torch.ones(2), scale, 3, torch.qint8) for scale in (0.5, 0.25))
    found = compared(tmp_path, {"w": a}, {"w": b})
    assert [(each.what, each.in_a) for each in found.unlike] == [("quantizer", "scale 0.5, zero point 3")]


def test_another_order_alone_is_no_difference(state: State, tmp_path: Path) -> None:
    found = compared(tmp_path, state, dict(reversed(state.items())))
    assert (found.outcome, found.order) == ("equal", Misplaced(place=0, a="fc.weight", b="n"))


def test_the_largest_difference_comes_first(tmp_path: Path) -> None:
    a = {name: torch.zeros(2) for name in "xyz"}
    b = {name: torch.tensor([0, value]) for name, value in (("x", 1e-45), ("y", 1.0), ("z", 1e-3))}
    assert [each.a for each in compared(tmp_path, a, b).values] == ["y", "z", "x"]


def test_of_two_as_large_the_one_with_more_elements_that_differ_comes_first(tmp_path: Path) -> None:
    a = {name: torch.zeros(2) for name in "xy"}
    assert [each.a for each in compared(tmp_path, a, {"x": torch.tensor([0, 1.0]), "y": torch.ones(2)}).values] == [
        "y",
        "x",
    ]


def test_with_a_tolerance_the_largest_difference_comes_first(tmp_path: Path) -> None:
    a, b = ({"x": torch.tensor(x), "y": torch.tensor(y)} for x, y in ((0.0, 1000.0), (1e-3, 1001.0)))
    assert [each.a for each in compared(tmp_path, a, b, atol=0).values] == ["y", "x"]


def test_what_becomes_nan_comes_before_all(tmp_path: Path) -> None:
    a = {name: torch.ones(2) for name in "xyz"}
    b = {name: torch.full((2,), value) for name, value in (("x", -3e38), ("y", float("nan")), ("z", 2.0))}
    assert [each.a for each in compared(tmp_path, a, b).values] == ["y", "x", "z"]


@pytest.mark.parametrize(("options", "outcome"), [({"rtol": 0.01}, "equal"), ({"atol": 1e-6}, "different")])
def test_a_tolerance_takes_another_dtype(options: State, outcome: str, tmp_path: Path) -> None:
    exact = torch.tensor([1.2, 3.4])
    found = compared(tmp_path, {"w": exact}, {"w": exact.bfloat16()}, **options)
    assert (found.outcome, found.unlike, found.notes) == (
        outcome,
        (),
        ("1 of another dtype in B, compared as numbers: 'w' is float32 in A and bfloat16 in B",),
    )


@pytest.mark.parametrize("options", [{"rtol": -1}, {"atol": float("nan")}, {"atol": float("inf")}])
def test_a_tolerance_that_is_none(options: State, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="expected a number from 0"):
        compared(tmp_path, {}, {}, **options)


def test_what_cannot_be_compared_leaves_it_undecided(tmp_path: Path) -> None:
    state = {"w": torch.ones(2), "s": torch.eye(2).to_sparse(), "n": 3}
    found = compared(tmp_path, state, state)
    assert (found.outcome, [(each.side, each.name) for each in found.not_compared]) == (
        "undecided",
        [("a", "s"), ("b", "s")],
    )


def test_a_tensor_that_only_one_side_has_is_a_difference_though_it_cannot_be_read(tmp_path: Path) -> None:
    state = {"w": torch.ones(2)}
    more = state | {"s": torch.eye(2).to_sparse()}
    assert [compared(tmp_path, *pair).outcome for pair in ((state, more), (more, state))] == ["different"] * 2


def test_a_difference_counts_where_not_all_can_be_compared(tmp_path: Path) -> None:
    sparse = torch.eye(2).to_sparse()
    assert (
        compared(tmp_path, {"w": torch.ones(2), "s": sparse}, {"w": torch.zeros(2), "s": sparse}).outcome == "different"
    )


def test_keys_of_either_side(state: State, tmp_path: Path) -> None:
    torch.save({"a": state, "b": {"x": torch.ones(1)}}, tmp_path / "a.pth")
    save_safetensors(state, tmp_path / "b.safetensors")
    paths = tmp_path / "a.pth", tmp_path / "b.safetensors"
    assert (diff(*paths, key_a="a").outcome, diff(*reversed(paths), key_b="b").outcome) == ("equal", "different")


def given(monkeypatch: pytest.MonkeyPatch, *models: tuple[Contents, bool]) -> Comparison:
    """The comparison of two models, each with whether it is a single tensor."""
    left = iter(models)

    def read(path: Path, key: str, tell: object, form: str) -> Model:
        contents, single = next(left)
        return Model(path, "a kind", contents, single=single)

    monkeypatch.setattr(comparison, "read", read)
    return diff("a", "b")


def test_a_single_tensor_is_compared_with_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, ([item([1.0], name="")], True), ([item([1.0], name="w")], False))
    assert (found.outcome, found.renamed, len(found.notes)) == ("equal", (), 1)


def test_a_single_tensor_is_none_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    several: Contents = [item([1.0], name="w"), item([2.0], name="x")]
    found = given(monkeypatch, ([item([1.0], name="")], True), (several, False))
    assert [each.name for each in found.extra] == ["x"]


def test_names_that_have_no_utf8_form_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    odd: list[Item | Unfit] = [item([1.0], name="\udc80"), Unfit("x\udc80", "y\udc80")]
    found = given(monkeypatch, (odd, False), ([item([1.0], name="a\udc81")], False))
    assert json.loads(msgspec.json.encode(found))["renamed"][0]["a"] == r"\udc80"


def test_the_document_follows_its_schema(state: State, tmp_path: Path) -> None:
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.5, 3, torch.qint8)
    others = {"n": torch.tensor(4), "fc.bias": torch.ones(3), "c": torch.ones(1, dtype=torch.complex64), "k": 1}
    for options in ({}, {"rtol": 0.5}):
        found = compared(tmp_path, {**state, "q": quantized}, {**others, "x.fc.weight": torch.zeros(2, 3)}, **options)
        document = json.loads(msgspec.json.encode(found))
        jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("a", "b", "atol", "outcome"),
    [
        (np.array([2**53]), np.array([2**53 + 1]), 0, "different"),
        (np.array([2**53]), np.array([2**53 + 1]), 1, "equal"),
        (np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64), 0, "different"),
        (np.array([-(2**63)]), np.array([2**63 - 1]), 2**62, "different"),
    ],
)
def test_integers_of_64_bits_are_subtracted_as_integers(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], atol: float, outcome: str, tmp_path: Path
) -> None:
    for name, array in (("a", a), ("b", b)):
        np.save(tmp_path / f"{name}.npy", array)
    assert diff(tmp_path / "a.npy", tmp_path / "b.npy", atol=atol).outcome == outcome


def test_where_nothing_is_compared_nothing_is_equal(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    assert diff(tmp_path / "a.safetensors", tmp_path / "a.safetensors").outcome == "undecided"
