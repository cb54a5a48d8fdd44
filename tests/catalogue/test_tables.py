"""What becomes of a table of a file: every key arrives in its field, and every key that is left out has its default."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tscompat.catalogue import Group, InputSpec, TensorSpec, Training
from tscompat.catalogue.loads import load
from tscompat.catalogue.modules import model
from tscompat.catalogue.optimizers import optimizer_case
from tscompat.catalogue.table import Row, Table
from tscompat.catalogue.tensors import guarantee, tensors
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import PLAIN, Quantizer

F32, I64 = BY_NAME["f32"], BY_NAME["i64"]


def table(row: Row, dtype: str = "f32", family: str = "a-family") -> Table:
    return Table(family, "a-name", row, dtype, {"Linear": {"bias": "hasBias"}})


def fields(subject: Any) -> dict[str, Any]:
    return {field.name: getattr(subject, field.name) for field in dataclasses.fields(subject)}


# tensors


def test_all_that_a_table_states_of_tensors_is_in_the_case() -> None:
    stated = {
        "layout": "transposed",
        "side": "target",
        "target_reversed": True,
        "nested": True,
        "pickled": "module",
    }
    quantizer = {"scale": 0.5, "zero_point": 3}
    row: Row = {"tensors": [{"shape": [2]}], "quantizer": quantizer, **stated}
    assert fields(tensors(table(row))) == {
        **stated,
        "specs": (TensorSpec("weight", F32, (2,), "random", buffer=False),),
        "quantizer": Quantizer(0.5, 3),
    }


def test_tensors_of_which_little_is_stated_are_plain() -> None:
    assert fields(tensors(table({"tensors": []}))) == {
        "specs": (),
        "layout": "contiguous",
        "side": "source",
        "target_reversed": False,
        "nested": False,
        "pickled": "as-it-is",
        "quantizer": PLAIN,
    }


def test_all_that_is_stated_of_one_tensor_is_in_its_spec() -> None:
    row: Row = {"name": "ab", "name_times": 2, "dtype": "i64", "shape": [3, 1], "fill": "steps", "buffer": True}
    assert tensors(table({"tensors": [{**row, "tied_to": "c"}]}, "mixed")).specs == (
        TensorSpec("abab", I64, (3, 1), "steps", True, "c"),
    )


def test_a_guarantee_has_the_tables_sentences_and_is_tried_by_the_probe_of_the_cases_name() -> None:
    row: Row = {"tensors": [{"shape": []}], "observed": "it holds", "otherwise": "bits", "unable": "read-only"}
    assert fields(guarantee(table(row, "i64"))) == {
        "specs": (TensorSpec("weight", I64, (), "random", buffer=False),),
        "probe": "a-name",
        "observed": "it holds",
        "otherwise": "bits",
        "unable": "read-only",
    }


def test_a_guarantee_that_every_machine_can_try_needs_no_reason() -> None:
    row: Row = {"tensors": [{"shape": []}], "observed": "it holds", "otherwise": "bits"}
    assert guarantee(table(row, "i64")).unable == ""


# loads


def test_all_that_a_table_states_of_a_load_is_in_the_case() -> None:
    stated = {"nested": True, "strict": False, "given_as": "stream", "cut": 3, "trailing": 4, "report": True}
    row: Row = {
        "tensors": [{"shape": [2]}, {"name": "t", "shape": [1], "buffer": True, "transient": True}],
        "file": [{"name": "x", "shape": [2, 1], "dtype": "i64", "fill": "steps", "tied_to": "y"}],
        "skip": ["a", "b"],
        "changed": {"from_end": 3, "to": [134, 2]},
        **stated,
    }
    assert fields(load(table(row))) == {
        **stated,
        "specs": (
            TensorSpec("weight", F32, (2,), "random", buffer=False),
            TensorSpec("t", F32, (1,), "random", buffer=True),
        ),
        "file": (TensorSpec("x", I64, (2, 1), "steps", False, "y"),),
        "transient": ("t",),
        "skip": ("a", "b"),
        "changed": (3, b"\x86\x02"),
    }


def test_a_load_of_which_little_is_stated_is_strict_and_of_a_whole_file() -> None:
    assert fields(load(table({"tensors": [], "file": [{"name": "x", "shape": [2]}]}))) == {
        "specs": (),
        "file": (TensorSpec("x", F32, (2,), "weights", buffer=False),),
        "transient": (),
        "nested": False,
        "strict": True,
        "skip": (),
        "given_as": "path",
        "cut": 0,
        "trailing": 0,
        "report": False,
        "changed": None,
    }


# models


STATED = {"only": "python", "fill": "moderate", "steps": 3}


def test_all_that_a_table_states_of_a_layer_is_in_the_case() -> None:
    row: Row = {
        "module": "Linear",
        "arguments": [2, {"key": [1, {"module": "Linear", "options": {"bias": False}}]}],
        "options": {"bias": {"module": "Linear"}, "other": True},
        "child": True,
        "inputs": [{"values": [4, 5]}],
        "indifferent": ["a*"],
        **STATED,
    }
    made = fields(model(table(row, family="layer")))
    inner: Row = {"module": "Linear", "arguments": [], "options": {"hasBias": False}, "child": False}
    assert json.loads(made.pop("dotnet")) == {
        "module": "Linear",
        "arguments": [2, {"key": [1, inner]}],
        "options": {"hasBias": {"module": "Linear", "arguments": [], "options": {}, "child": False}, "other": True},
        "child": True,
    }
    assert made == {
        **STATED,
        "kind": "layer",
        "name": "Linear",
        "dtype": F32,
        "description": row,
        "inputs": (InputSpec((2,), values=(4, 5)),),
        "indifferent": ("a*",),
        "training": None,
    }


TRAINING: Row = {
    "optimizer": "Adam",
    "options": {"lr": 0.5},
    "loss": "mse_loss",
    "target": {"shape": [2], "below": 4},
    "steps": 5,
}


@pytest.mark.parametrize("family", ["arch", "program", "training"])
def test_all_that_a_table_states_of_an_architecture_is_in_the_case(family: str) -> None:
    row: Row = {"architecture": "mlp", "inputs": [{"shape": [2]}], "indifferent": ["a*", "b"], **STATED}
    row |= {"training": TRAINING}
    assert fields(model(table(row, "f32", family))) == {
        **STATED,
        "kind": "arch",
        "name": "mlp",
        "dtype": F32,
        "description": {},
        "dotnet": "mlp",
        "inputs": (InputSpec((2,)),),
        "indifferent": ("a*", "b"),
        "training": Training("Adam", {"lr": 0.5}, "mse_loss", InputSpec((2,), below=4), 5),
    }


def test_a_model_of_which_little_is_stated_has_weights_and_no_steps() -> None:
    assert fields(model(table({}, "i64", "arch"))) == {
        "kind": "arch",
        "name": "a-name",
        "dtype": I64,
        "description": {},
        "dotnet": "a-name",
        "inputs": (),
        "only": None,
        "fill": "weights",
        "steps": 0,
        "indifferent": (),
        "training": None,
    }


@pytest.mark.parametrize(
    ("stated", "spec"),
    [
        ({"shape": [2, 3]}, InputSpec((2, 3))),
        ({"shape": [2], "below": 7}, InputSpec((2,), below=7)),
        ({"shape": [2], "unit": True}, InputSpec((2,), unit=True)),
        ({"values": [1, 0, 1]}, InputSpec((3,), values=(1, 0, 1))),
        ({"shape": [2, 1, 28, 28], "digits": True}, InputSpec((2, 1, 28, 28), digits=True)),
    ],
)
def test_all_that_is_stated_of_an_input_is_in_its_spec(stated: Row, spec: InputSpec) -> None:
    assert model(table({"inputs": [stated]}, "f32", "arch")).inputs == (spec,)


# optimizers


def test_all_that_a_table_states_of_an_optimizer_is_in_the_case() -> None:
    row: Row = {
        "optimizer": "Adam",
        "parameters": [{"shape": [2]}, {"shape": [], "dtype": "i64", "gradient": False}],
        "options": {"lr": 1.0, "betas": [0.5, 0.75]},
        "groups": [{"parameters": 1}, {"parameters": 1, "options": {"lr": 2.0, "amsgrad": True}}],
        "lists": True,
        "steps": 1,
        "after": 2,
        "target": "used",
        "layout": "transposed",
    }
    assert fields(optimizer_case(table(row))) == {
        "specs": (
            TensorSpec("parameter.0", F32, (2,), "moderate", buffer=False),
            TensorSpec("parameter.1", I64, (), "moderate", buffer=False),
            *(TensorSpec(f"gradient.{step}.0", F32, (2,), "moderate", buffer=False) for step in range(3)),
        ),
        "optimizer": "Adam",
        "groups": (
            Group({"lr": 1.0, "betas": [0.5, 0.75]}, 1),
            Group({"lr": 2.0, "betas": [0.5, 0.75], "amsgrad": True}, 1),
        ),
        "steps": 1,
        "after": 2,
        "target": "used",
        "layout": "transposed",
    }


def test_an_optimizer_of_which_little_is_stated_has_one_group_and_loads_into_a_new_one() -> None:
    row: Row = {
        "optimizer": "SGD",
        "parameters": [{"shape": [1]}, {"shape": [1]}],
        "options": {"betas": [0.5, 0.75]},
        "steps": 0,
        "after": 0,
    }
    assert fields(optimizer_case(table(row))) == {
        "specs": tuple(TensorSpec(f"parameter.{number}", F32, (1,), "moderate", buffer=False) for number in range(2)),
        "optimizer": "SGD",
        "groups": (Group({"betas": (0.5, 0.75)}, 2),),
        "steps": 0,
        "after": 0,
        "target": "fresh",
        "layout": "contiguous",
    }
