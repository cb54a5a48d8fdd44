"""The .safetensors files that we write: size, alignment and metadata are as safetensors has them."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from samples import convert, save_safetensors
from tscompat.files import writers
from tscompat.verbs.convert import ModelFileError, prepare

STATE = {
    "u8": torch.arange(3, dtype=torch.uint8),
    "f64": torch.ones(2, dtype=torch.float64),
    "bf16": torch.ones(1, 3, dtype=torch.bfloat16),
    "scalar": torch.tensor(7),
    "empty": torch.empty(0, 4),
    "naïve 名": torch.ones(1),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.save(STATE, tmp_path / "a.pth")
    return tmp_path / "a.pth"


def header(path: Path) -> tuple[int, dict[str, dict[str, list[int]]]]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return size, json.loads(data[8 : 8 + size])


def test_safetensors_is_as_large_as_the_library_makes_it(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "b.safetensors")
    save_safetensors(STATE, tmp_path / "c.safetensors", {"format": "pt"})
    assert (tmp_path / "b.safetensors").stat().st_size == (tmp_path / "c.safetensors").stat().st_size


def test_safetensors_are_aligned(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "b.safetensors")
    size, entries = header(tmp_path / "b.safetensors")
    starts = [size % 8, *(entries[name]["data_offsets"][0] % STATE[name].element_size() for name in STATE)]
    assert starts == [0] * len(starts)


def test_safetensors_say_that_they_are_of_torch(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "b.safetensors")
    assert header(tmp_path / "b.safetensors")[1]["__metadata__"] == {"format": "pt"}


def test_more_names_than_safetensors_has_room_for(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "MOST_HEADER", 100)
    with pytest.raises(ModelFileError, match=r"the header needs \d+ bytes; safetensors allows 100"):
        convert(source, tmp_path / "b.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


def test_a_pickle_holds_no_more_than_the_tensors(tmp_path: Path) -> None:
    torch.save({"part": torch.zeros(1_000_000)[:2]}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.pth")
    assert (tmp_path / "b.pth").stat().st_size < 10_000


def test_empty_tensors_of_a_pickle_are_not_one(tmp_path: Path) -> None:
    torch.save({"a": torch.empty(0, 4), "b": torch.empty(2, 0)}, tmp_path / "a.pth")  # which have no tie
    convert(tmp_path / "a.pth", tmp_path / "b.pth")
    assert [tensor.shape for tensor in torch.load(tmp_path / "b.pth").values()] == [(0, 4), (2, 0)]


@pytest.mark.filterwarnings("ignore")  # torch's quantization is deprecated
def test_a_zero_point_alone_is_more_than_a_dat_can_store(tmp_path: Path) -> None:
    torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 1.0, 7, torch.quint8)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=r"zero point 7, which a \.dat cannot store"):
        convert(tmp_path / "a.pth", tmp_path / "b.dat")


def test_an_array_of_as_many_dims_as_numpy_allows(tmp_path: Path) -> None:
    torch.save(torch.ones([1] * 64), tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.npy")
    assert np.load(tmp_path / "b.npy").ndim == 64


def test_an_array_of_more_dims_than_numpy_allows(tmp_path: Path) -> None:
    torch.save(torch.ones([1] * 65), tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match="it has 65 dims, and numpy allows 64"):
        convert(tmp_path / "a.pth", tmp_path / "b.npy")


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [(torch.float8_e4m3fnuz, "--dtype float32 casts it"), (torch.uint16, "convert it to another dtype in Python")],
)
def test_what_to_do_with_a_dtype_that_a_dat_lacks(dtype: torch.dtype, advice: str, tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(3, dtype=dtype)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=advice):
        convert(tmp_path / "a.pth", tmp_path / "b.dat")


def test_a_full_disk_is_the_error_of_a_pickle(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1_000_000)}, tmp_path / "a.pth")

    def advance(size: int) -> None:
        if size > 1_000_000:  # the elements, after the pickle
            raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space"):
        prepare(tmp_path / "a.pth", tmp_path / "b.pth", tell=print).write(advance)
