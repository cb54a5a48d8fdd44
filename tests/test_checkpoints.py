"""The files of PyTorch's people: what is written comes back, and shards are a folder with an index."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tscompat import checkpoints
from tscompat.catalogue import load_catalogue, make
from tscompat.documents import read_document
from tscompat.paths import data_folder
from tscompat.tensors import StateDict
from tscompat.torch_side import source

MIXED = load_catalogue()["count/128-of-each/mixed"]
ENTRIES = [entry for entry in make(MIXED) if entry.tensor.dtype.name in checkpoints.SAFETENSORS_DTYPES]
STATE = source(MIXED, ENTRIES)


def bits(entries: StateDict) -> dict[str, bytes]:
    return {name: bytes(memoryview(tensor.data)) for name, tensor in entries}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_comes_back(tmp_path: Path, zipped: bool):
    checkpoints.write_pickle(STATE, tmp_path / "x.pt", zipped=zipped)
    assert bits(checkpoints.read_pickle(tmp_path / "x.pt")) == bits(ENTRIES)


def test_a_safetensors_file_comes_back(tmp_path: Path):
    checkpoints.write_safetensors(STATE, tmp_path / "x.safetensors")
    assert bits(checkpoints.read_safetensors(tmp_path / "x.safetensors")) == bits(ENTRIES)


def test_a_safetensors_file_is_read_in_the_order_of_its_bytes(tmp_path: Path):
    header = json.dumps(
        {name: {"dtype": "U8", "shape": [1], "data_offsets": [at, at + 1]} for at, name in enumerate(("z", "a", "m"))}
    ).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\1\2\3")
    assert [name for name, _ in checkpoints.read_safetensors(tmp_path / "x.safetensors")] == ["z", "a", "m"]


def test_tensors_of_one_storage_go_into_safetensors(tmp_path: Path):
    whole = torch.arange(6.0)
    checkpoints.write_safetensors({"a": whole, "b": whole[::2], "c": whole}, tmp_path / "x.safetensors")
    assert safetensors.torch.load_file(tmp_path / "x.safetensors")["b"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("read", [checkpoints.read_pickle, checkpoints.read_safetensors])
def test_what_cannot_be_read_is_told(tmp_path: Path, read: Callable[[Path], StateDict]):
    (tmp_path / "x").write_bytes(b"\x0f" * 100)
    with pytest.raises(checkpoints.UnreadableCheckpoint):
        read(tmp_path / "x")


def test_shards_are_two_files_and_an_index(tmp_path: Path):
    folder = tmp_path / "shards"
    checkpoints.write_shards(checkpoints.write_safetensors, "model.safetensors", STATE, folder)
    index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
    found = {name: file.name for file in folder.glob("*.safetensors") for name, _ in checkpoints.read_safetensors(file)}
    assert (found, len(set(found.values()))) == (index["weight_map"], 2)


def test_an_empty_state_dict_has_an_index_and_no_shard(tmp_path: Path):
    checkpoints.write_shards(checkpoints.write_pickle, "pytorch_model.bin", {}, tmp_path / "shards")
    assert [file.name for file in (tmp_path / "shards").iterdir()] == ["pytorch_model.bin.index.json"]


def test_the_schema_of_families_names_every_way_to_pickle():
    schema = read_document(data_folder("cases") / "family.schema.json", ValueError)
    assert set(schema["$defs"]["case"]["properties"]["pickled"]["enum"]) == set(checkpoints.PICKLED)


def storages(way: str) -> list[tuple[int, int]]:
    """For two equal tensors, the address of each one's storage and its size in elements."""
    made = checkpoints.PICKLED[way]({"one": torch.zeros(5), "two": torch.zeros(5)})
    return [(each.untyped_storage().data_ptr(), each.untyped_storage().nbytes() // 4) for each in made.values()]


@pytest.mark.parametrize(
    ("way", "storage_count"), [("as-it-is", 2), ("tied", 1), ("one-object", 1), ("one-storage", 1)]
)
def test_a_way_to_pickle_has_so_many_storages(way: str, storage_count: int):
    assert len(set(storages(way))) == storage_count


def test_a_roomy_storage_is_larger_than_its_tensor():
    assert all(size == 10 for _, size in storages("roomy-storage"))


def test_what_a_state_dict_gives_has_metadata():
    assert hasattr(checkpoints.PICKLED["metadata"]({"one": torch.zeros(1)}), "_metadata")
