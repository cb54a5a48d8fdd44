"""Inputs of given sizes are the same each time; arrays of a file are taken as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tscompat.files.item import ModelFileError
from tscompat.python_side.arguments import Argument
from tscompat.values.tensors import as_float64
from tscompat.verbs.parity.inputs import inputs


@pytest.mark.parametrize(
    ("text", "dtype", "shape"),
    [
        ("2x3:f32", "f32", (2, 3)),
        ("4:float64", "f64", (4,)),
        (":i64", "i64", ()),
        ("2x2:bool", "bool", (2, 2)),
        ("3:bf16", "bf16", (3,)),
    ],
)
def test_sizes(text: str, dtype: str, shape: tuple[int, ...]) -> None:
    ((name, tensor),) = inputs([text]).tensors
    assert (name, tensor.dtype.name, tensor.shape) == ("0", dtype, shape)


def test_the_same_each_time() -> None:
    assert [bytes(each.tensor.data) for each in inputs(["9:f32"]).tensors] == [
        bytes(each.tensor.data) for each in inputs(["9:f32"]).tensors
    ]


def test_each_step_of_a_training_has_its_own() -> None:
    one, other = (bytes(inputs(["9:f32"], seed=step).tensors[0].tensor.data) for step in (0, 1))
    assert one != other


def test_two_inputs_are_not_the_same() -> None:
    one, other = inputs(["9:f32", "9:f32"]).tensors
    assert bytes(one.tensor.data) != bytes(other.tensor.data)


@pytest.mark.parametrize(("text", "below"), [("999:i64", 10), ("999:i64:3", 3), ("999:u8:2", 2)])
def test_integers_are_below_a_number(text: str, below: int) -> None:
    ((_, tensor),) = inputs([text]).tensors
    assert sorted({*as_float64(tensor).tolist()}) == [*range(below)]


def test_arrays_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 2), np.float32), y=np.arange(3))
    found = inputs([str(tmp_path / "a.npz"), "1:f32"]).tensors
    assert [(name, tensor.dtype.name, tensor.shape) for name, tensor in found] == [
        ("0", "f32", (2, 2)),
        ("1", "i64", (3,)),
        ("2", "f32", (1,)),
    ]


def test_several_with_commas_between_are_a_tuple() -> None:
    found = inputs(["2:f32,3:f32", "4:i64"])
    assert [tensor.shape for _, tensor in found.tensors] == [(2,), (3,), (4,)]
    assert found.arguments == (Argument(several=2), Argument())


def test_names_are_in_the_order_of_the_parameters() -> None:
    found = inputs(["c=3:f32", "b=2:f32,2:f32", "1:f32"], ["a", "b", "c"])
    assert [tensor.shape for _, tensor in found.tensors] == [(1,), (2,), (2,), (3,)]
    assert found.arguments == (Argument(), Argument("b", 2), Argument("c"))


@pytest.mark.parametrize(("parameters", "keywords"), [(["y", "x", "z"], ["y", "x"]), (["x", "z"], ["", ""])])
def test_arrays_of_a_file_have_their_names_where_all_are_parameters(
    parameters: list[str], keywords: list[str], tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(1), y=np.ones(1))
    assert [each.keyword for each in inputs([str(tmp_path / "a.npz")], parameters).arguments] == keywords


def test_an_array_of_objects_is_not_dropped(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([None]), y=np.ones(1))
    with pytest.raises(ModelFileError, match=r"a\.npz: x: no array of numbers"):
        inputs([str(tmp_path / "a.npz")])


def test_a_file_by_a_name_is_one_argument(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(1), y=np.ones(1))
    np.save(tmp_path / "a.npy", np.ones(1))
    found = inputs([f"a={tmp_path / 'a.npz'}", f"b={tmp_path / 'a.npy'}"], ["a", "b"])
    assert found.arguments == (Argument("a", 2), Argument("b"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "expected an input"),
        (["2x3:c64"], "--input 2x3:c64: expected a dtype such as f32"),
        (["2x3:f33"], "expected a dtype"),
        (["99999x99999x9:f32"], "more than 2,147,483,648 elements"),
        (["none.npz"], r"none\.npz"),
        (["2x3"], "expected a dtype behind the sizes: 2x3:f32"),
        (["2:f32,2x3"], "expected a dtype behind the sizes: 2x3:f32"),
        (["x=2:f32", "x=3:f32"], "--input 'x=3:f32': is there twice"),
        ([""], "--input '': expected sizes or a file"),
        (["2:f32:3"], "--input 2:f32:3: a number behind the dtype is for integers"),
        (["b=2:f32"], "--input b=2:f32: forward has no b: it has x"),
    ],
)
def test_no_inputs(given: list[str], sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        inputs(given, ["x"])
