"""What Python writes for each format, and how it is read."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch

from samples import load_safetensors
from tscompat.codec import encode_tensor
from tscompat.dotnet_side.digest import digest
from tscompat.python_side import torch_tensors
from tscompat.routes import formats
from tscompat.routes.formats import TENSOR, read_pickle, write_pickle, write_safetensors, write_shards
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor

STATE = {name: torch.full((number + 1,), float(number)) for number, name in enumerate("abcde")}
INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_is_a_zip_file_unless_it_is_legacy(tmp_path: Path, legacy: bool) -> None:
    write_pickle(tmp_path / "state", STATE, legacy=legacy)
    assert zipfile.is_zipfile(tmp_path / "state") is not legacy
    assert torch.load(tmp_path / "state", weights_only=True).keys() == STATE.keys()


LONG = torch.zeros(100)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"_epoch": 3}, "'_epoch' is stored as int; expected Tensor"),
        ({"f": torch.nn.Parameter(torch.zeros(1))}, "'f' is stored as Parameter; expected Tensor"),
        ({"f": LONG[:1]}, "the storage of 'f' has 400 bytes, of which tensors have 4"),
        ({"f": LONG[:60], "g": LONG[20:80]}, "the storage of 'f' has 400 bytes, of which tensors have 320"),
        (
            {"f": LONG[:60], "g": LONG[:60], "h": LONG[99]},
            "the storage of 'f' has 400 bytes, of which tensors have 244",
        ),
        ({"f": LONG[:0]}, "the storage of 'f' has 400 bytes, of which tensors have 0"),
        ({"f": LONG.reshape(2, 50)[:, :0]}, "the storage of 'f' has 400 bytes, of which tensors have 0"),
    ],
)
def test_a_pickle_that_holds_more_than_the_tensors_of_a_state_dict_is_refused(
    tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    write_pickle(tmp_path / "state", {**STATE, **more})
    with pytest.raises((TypeError, ValueError), match=words):
        read_pickle(tmp_path / "state")


@pytest.mark.parametrize(("held", "words"), [([LONG], "a list"), (LONG, "a Tensor"), (None, "a NoneType")])
def test_a_pickle_of_something_else_than_a_dict_is_refused(tmp_path: Path, held: Any, words: str) -> None:
    torch.save(held, tmp_path / "state")
    with pytest.raises(TypeError, match=f"the file holds {words}; expected a state dict"):
        read_pickle(tmp_path / "state")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"a": tmp_path}, tmp_path / "state")
    with pytest.raises(pickle.UnpicklingError):
        read_pickle(tmp_path / "state")


def test_tensors_that_share_one_storage_are_read(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    state = {"a": whole[:4], "b": whole[2:], "c": torch.zeros(0), "d": torch.zeros(2, 3).T, "e": LONG.expand(3, 100)}
    write_pickle(tmp_path / "state", state)
    assert digest(torch_tensors.export(read_pickle(tmp_path / "state"))) == digest(torch_tensors.export(state))


def test_a_pickle_is_no_legacy_one_unless_it_is_asked_for(tmp_path: Path) -> None:
    formats.PICKLE.write(tmp_path / "new", STATE)
    formats.LEGACY_PICKLE.write(tmp_path / "old", STATE)
    assert [zipfile.is_zipfile(tmp_path / name) for name in ("new", "old")] == [True, False]


def test_safetensors_have_the_metadata_of_transformers(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "state", STATE)
    opened: Any = safetensors.safe_open(tmp_path / "state", "pt")
    assert opened.metadata() == {"format": "pt"}
    assert load_safetensors(tmp_path / "state").keys() == STATE.keys()


def test_the_first_shard_has_the_first_half(tmp_path: Path) -> None:
    write_shards(write_safetensors, "model.safetensors", tmp_path / "shards", STATE)
    first, second = (f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
    assert {file.name for file in (tmp_path / "shards").iterdir()} == {first, second, INDEX}
    index = json.loads((tmp_path / "shards" / INDEX).read_text(encoding="utf-8"))
    size = sum(tensor.nbytes for tensor in STATE.values())
    places = {**dict.fromkeys("abc", first), **dict.fromkeys("de", second)}
    assert index == {"metadata": {"total_size": size}, "weight_map": places}
    for file in (first, second):
        expected = {name: STATE[name] for name, place in places.items() if place == file}
        found = load_safetensors(tmp_path / "shards" / file)
        assert digest(torch_tensors.export(found)) == digest(torch_tensors.export(expected))


def test_a_single_tensor_has_one_shard(tmp_path: Path) -> None:
    formats.PICKLE_SHARDS.write(tmp_path / "shards", {"a": STATE["a"]})
    names = {file.name for file in (tmp_path / "shards").iterdir()}
    assert names == {"pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"}


def test_the_file_of_a_tensor_has_no_name(tmp_path: Path) -> None:
    entry = Entry("w", Tensor(BY_NAME["u8"], (2,), b"ab"))
    TENSOR.write(tmp_path / "w", [entry])
    assert (tmp_path / "w").read_bytes() == b"".join(bytes(memoryview(each)) for each in encode_tensor(entry.tensor))
    ((name, (dtype, shape, data)),) = TENSOR.read(tmp_path / "w", [entry])
    assert (name, dtype.name, shape, bytes(data)) == ("w", "u8", (2,), b"ab")
