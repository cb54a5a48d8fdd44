"""Families of modules: what a description becomes for each side."""

from __future__ import annotations

import json

from subjects import subjects
from tscompat.catalogue import InputSpec, Model
from tscompat.catalogue.modules import model
from tscompat.catalogue.table import Table

RENAMES = {"Linear": {"bias": "hasBias"}, "EmbeddingBag": {"padding_idx": "padding_index"}}


def test_options_of_nested_modules_get_their_names_in_dotnet() -> None:
    linear = {"module": "Linear", "arguments": [2, 3], "options": {"bias": False}}
    built = model(Table("layer", "x", {"module": "Sequential", "arguments": [linear]}, "f32", RENAMES))
    assert json.loads(built.dotnet)["arguments"] == [
        {"module": "Linear", "arguments": [2, 3], "options": {"hasBias": False}, "child": False}
    ]


def test_a_class_method_gets_its_name_in_dotnet() -> None:
    built = model(
        Table("layer", "x", {"module": "EmbeddingBag.from_pretrained", "options": {"padding_idx": 3}}, "f32", RENAMES)
    )
    described = json.loads(built.dotnet)
    assert (described["module"], described["options"]) == ("EmbeddingBag_from_pretrained", {"padding_index": 3})


def test_two_inputs_in_a_list_are_a_pair() -> None:
    built = model(
        Table("layer", "x", {"module": "LSTM", "inputs": [{"shape": [1]}, [{"shape": [2]}, {"shape": [3]}]]}, "f32", {})
    )
    assert built.inputs == (InputSpec((1,)), (InputSpec((2,)), InputSpec((3,))))


def test_an_architecture_is_named_by_its_case_or_by_a_field() -> None:
    names = {model(Table("arch", "mlp", row, "f32", {})).name for row in ({}, {"architecture": "mnist"})}
    assert names == {"mlp", "mnist"}


def test_every_architecture_of_python_has_a_case() -> None:
    from tscompat.python_side.models import ARCHITECTURES

    models = subjects(Model).values()
    assert {model.name for model in models if model.kind == "arch"} == set(ARCHITECTURES)
