"""Every kind of source is read; what is damaged or is something else is refused with a sentence."""

from __future__ import annotations

import argparse
import gzip
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from samples import convert, save_safetensors
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.files.kinds import read
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, tensor_of
from tscompat.verbs.convert import ModelFileError

ONE, TWO = torch.ones(3), torch.arange(2)


def values(path: Path, target: Path, **options: str) -> dict[str, bytes]:
    convert(path, target, **options)
    return {name: bytes(tensor.data) for name, tensor in read_state_dict(target)}


def legacy(state: object, path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".PTH"])
@pytest.mark.parametrize("save", [torch.save, legacy])
def test_pickles(save: Callable[[object, Path], None], suffix: str, tmp_path: Path) -> None:
    save({"a": ONE, "b": TWO}, tmp_path / f"a{suffix}")
    assert values(tmp_path / f"a{suffix}", tmp_path / "b.dat") == {
        "a": ONE.numpy().tobytes(),
        "b": TWO.numpy().tobytes(),
    }


def test_a_key_of_a_nested_checkpoint(tmp_path: Path) -> None:
    torch.save({"model": {"a": ONE}, "ema": {"a": TWO}}, tmp_path / "a.ckpt")
    assert values(tmp_path / "a.ckpt", tmp_path / "b.dat", key="ema") == {"a": TWO.numpy().tobytes()}


def test_arrays_of_numpy(tmp_path: Path) -> None:
    arrays = {"big": np.arange(3, dtype=">f4"), "fortran": np.asfortranarray(np.eye(2, 3)), "scalar": np.array(1j)}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
    expected = {name: array.astype(array.dtype.newbyteorder("<")).tobytes() for name, array in arrays.items()}
    assert values(tmp_path / "a.npz", tmp_path / "b.dat") == expected


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([{}], dtype=object), np.zeros(1, "V2"), np.zeros(1, "M8")])
def test_an_array_without_a_dtype_is_refused_by_name(array: np.ndarray, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", odd=array)
    with pytest.raises(ModelFileError, match=r"'odd': (its numpy dtype [<|][UVM]|an array of Python objects)"):
        convert(tmp_path / "a.npz", tmp_path / "b.dat")


def sharded(folder: Path, index: str = "model.safetensors.index.json") -> Path:
    suffix = ".safetensors" if "safetensors" in index else ".bin"
    save: Callable[[dict[str, torch.Tensor], Path], None] = save_safetensors if "safetensors" in index else torch.save
    weights: dict[str, str] = {}
    for number, state in enumerate(({"a": ONE, "c": ONE + 1}, {"b": TWO})):
        save(state, folder / f"shard-{number}{suffix}")
        weights |= dict.fromkeys(state, f"shard-{number}{suffix}")
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": weights}))
    return folder / index


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
@pytest.mark.parametrize("what", ["folder", "index"])
def test_shards(index: str, what: str, tmp_path: Path) -> None:
    file = sharded(tmp_path, index)
    found = values(tmp_path if what == "folder" else file, tmp_path / "b.dat")
    assert sorted(found) == ["a", "b", "c"]


def test_a_folder_with_both_kinds_of_shards_gives_safetensors(tmp_path: Path) -> None:
    sharded(tmp_path)
    sharded(tmp_path, "pytorch_model.bin.index.json")
    assert convert(tmp_path, tmp_path / "b.dat") == [
        "reading model.safetensors.index.json of the folder; "
        "left: pytorch_model.bin.index.json, shard-0.bin, shard-1.bin"
    ]


def test_a_folder_with_one_model(tmp_path: Path) -> None:
    save_safetensors({"a": ONE}, tmp_path / "model.safetensors")
    assert convert(tmp_path, tmp_path / "b.dat") == ["reading model.safetensors of the folder"]


def test_metadata_that_is_left_is_told(tmp_path: Path) -> None:
    save_safetensors({"a": ONE}, tmp_path / "a.safetensors", {"format": "pt", "rank": "8"})
    assert convert(tmp_path / "a.safetensors", tmp_path / "b.dat") == ["left: the metadata of a.safetensors (rank)"]


@pytest.mark.parametrize(("name", "kind"), [("a.safetensors", "safetensors"), ("a.npy", "an array of numpy.save")])
def test_a_key_of_a_flat_file_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    save_safetensors({"a": ONE}, tmp_path / "a.safetensors")
    np.save(tmp_path / "a.npy", ONE.numpy())
    with pytest.raises(ModelFileError, match=f"--key is for nested checkpoints, and {kind} is flat: leave it out"):
        read(tmp_path / name, "ema", print)


def test_a_form_is_of_the_file_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x01\x01\x0b\x00\x01\x08" + bytes(8))  # also a single tensor
    assert read(tmp_path, "", print, "dat").kind == "a state dict of TorchSharp"


def _missing_shard(folder: Path) -> Path:
    index = sharded(folder)
    (folder / "shard-1.safetensors").unlink()
    return index


def _other_names(folder: Path) -> Path:
    index = sharded(folder)
    save_safetensors({"b": TWO, "d": ONE}, folder / "shard-1.safetensors")
    return index


def _index_in_an_index(folder: Path) -> Path:
    index = sharded(folder, "pytorch_model.bin.index.json")
    (folder / "shard-1.bin").write_bytes(index.read_bytes())
    return index


def _outside(folder: Path) -> Path:
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../secret.bin"}}))
    return index


def _twice(folder: Path) -> Path:
    write_whole(folder / "a.dat", encode_state_dict([Entry("a", tensor_of(BY_NAME["u8"], (1,), b"1"))] * 2))
    return folder / "a.dat"


def _two_models(folder: Path) -> Path:
    for name in "ab":
        save_safetensors({"a": ONE}, folder / f"{name}.safetensors")
    return folder


def _saved(value: object, name: str = "a.pth") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.save(value, folder / name)
        return folder / name

    return make


def _bytes(data: bytes, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _nothing(folder: Path) -> Path:
    return folder


def _half(folder: Path) -> Path:
    path = _saved({"a": torch.ones(1000)})(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_saved(argparse.Namespace(a=1)), "no state dict here; the keys are 'a'"),
        (_saved([1]), "no state dict here; the keys are '0'"),
        (_half, "incomplete: a zip file"),
        (_bytes(b"", "a.pth"), "empty: 0 bytes"),
        (_bytes(b"garbage " * 9, "a.pth"), "a text, and no model: it begins with 'garbage garbage"),
        (
            _bytes(b"garbage " * 9, "a.safetensors"),
            "cannot be read as safetensors: it begins with the length of a header of",
        ),
        (_bytes(b"garbage " * 9, "a.npz"), "a text, and no model"),
        (_bytes(b"garbage " * 9, "a.dat"), "cannot be read as a state dict of TorchSharp: incomplete: byte "),
        (_bytes(b"{", "a.index.json"), "begins as JSON, and is none"),
        (_bytes(b"{}", "a.index.json"), "expected the key 'weight_map', found none"),
        (_outside, "the index names '../secret.bin', which is no name of a file of weights"),
        (_missing_shard, "names shard-1.safetensors, which is not in the same folder"),
        (_other_names, r"shard-1.safetensors and the index do not agree on 1 name \('d'\)"),
        (_index_in_an_index, "shard-1.bin: an index of shards among the shards: download it again"),
        (_twice, "'a' again"),
        (_two_models, "the folder has 2 models: give one of a.safetensors, b.safetensors"),
        (_nothing, "no model in this folder: looked for"),
    ],
)
def test_what_cannot_be_read(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(ModelFileError, match=said) as refused:
        read(path, "", print)
    assert str(path.parent) in str(refused.value)


def test_a_pickle_that_was_not_read_ran_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (tmp_path.joinpath("ran").write_text, ("",))

    torch.save({"a": Evil()}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError):
        read(tmp_path / "a.pth", "", print)
    assert not (tmp_path / "ran").exists()


def test_an_array_that_is_damaged_further_in(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(10_000))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[20_000] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"the member 'a.npy' is damaged: its CRC-32 is"):
        convert(tmp_path / "a.npz", tmp_path / "b.dat")
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def zipped_again(folder: Path, method: int, record: str = "") -> Path:
    """A checkpoint in which ``method`` packs the records that have ``record`` in their name; the others are stored."""
    torch.save({"a": torch.zeros(1000), "b": TWO}, folder / "before.pth")
    with zipfile.ZipFile(folder / "before.pth") as source, zipfile.ZipFile(folder / "a.pth", "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name), method if record in name else zipfile.ZIP_STORED)
    return folder / "a.pth"


@pytest.mark.parametrize("record", ["", "/data/0", "data.pkl"])
def test_compressed_records_are_read(record: str, tmp_path: Path) -> None:
    path = zipped_again(tmp_path, zipfile.ZIP_DEFLATED, record)
    assert values(path, tmp_path / "b.dat") == {"a": bytes(4000), "b": TWO.numpy().tobytes()}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_records_that_are_compressed_otherwise_are_refused(method: int, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"compressed by method .* unzip the file, and zip it with -0"):
        read(zipped_again(tmp_path, method), "", print)


def test_an_encrypted_record_is_refused(tmp_path: Path) -> None:
    path = zipped_again(tmp_path, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"before/data/0") - 46  # the record's entry in the central directory (APPNOTE.TXT, 4.3.12)
    data[entry + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(
        ModelFileError,
        match="the member 'before/data/0' is encrypted: unzip the file with its password",
    ):
        read(path, "", print)


def test_stored_records_are_read_wherever_they_begin(tmp_path: Path) -> None:
    path = zipped_again(tmp_path, zipfile.ZIP_STORED)
    assert values(path, tmp_path / "b.dat") == {"a": bytes(4000), "b": TWO.numpy().tobytes()}


@pytest.mark.parametrize("save", [torch.save, legacy])
@pytest.mark.parametrize("packed", ["zip", "gz", "tar", "tar.gz"])
def test_a_packed_checkpoint_is_refused(packed: str, save: Callable[[object, Path], None], tmp_path: Path) -> None:
    save({"a": ONE}, tmp_path / "a.pth")
    target = tmp_path / "packed.pth"
    if packed == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tmp_path / "a.pth", "a.pth")
    elif packed == "gz":
        target.write_bytes(gzip.compress((tmp_path / "a.pth").read_bytes()))
    else:
        with tarfile.open(target, "w:gz" if packed == "tar.gz" else "w") as tar:
            tar.add(tmp_path / "a.pth", "a.pth")
    with pytest.raises(ModelFileError, match=r"packed\.pth: "):
        read(target, "", print)
