"""What becomes of a state dict before it is pickled: the same names and values, in another form."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from tscompat.dotnet_side.digest import digest
from tscompat.python_side import torch_tensors
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.routes.pickled import PICKLED

STATE = {"one": torch.arange(6.0).view(2, 3), "two": torch.arange(10.0, 15.0), "three": torch.arange(20.0, 24.0)}


def given() -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in STATE.items()}


def storages(way: str) -> set[tuple[int, int]]:
    """The storages of the tensors, prepared in this way: each one's address and size in elements."""
    made = PICKLED[way](given())
    return {(each.untyped_storage().data_ptr(), each.untyped_storage().nbytes() // 4) for each in made.values()}


@pytest.mark.parametrize("way", sorted(PICKLED.keys() - {"nested", "number-beside", "tied"}))
def test_names_values_and_shapes_stay(way: str) -> None:
    made = PICKLED[way](given())
    assert list(made) == list(STATE)
    assert digest(torch_tensors.export(made)) == digest(torch_tensors.export(STATE))


def test_the_schema_of_families_names_every_way_to_pickle() -> None:
    schema = read_document(data_folder("cases") / "family.schema.json", ValueError)
    assert set(schema["$defs"]["case"]["properties"]["pickled"]["enum"]) == set(PICKLED)


def test_a_tied_tensor_has_the_storage_of_the_other() -> None:
    assert [size for _, size in storages("tied")] == [6]


def test_all_tensors_are_parts_of_one_storage() -> None:
    assert [size for _, size in storages("one-storage")] == [15]


def test_a_roomy_storage_is_larger_than_its_tensor() -> None:
    assert sorted(size for _, size in storages("roomy-storage")) == [9, 10, 11]


def test_the_room_behind_a_tensor_has_its_dtype() -> None:
    made = PICKLED["roomy-storage"]({"one": torch.arange(3, dtype=torch.int64)})
    assert made["one"].dtype is torch.int64


def test_what_a_state_dict_gives_has_metadata() -> None:
    made = PICKLED["metadata"](given())
    assert isinstance(made, OrderedDict)
    assert hasattr(made, "_metadata")
