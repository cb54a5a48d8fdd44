"""Tensors without a name: TorchSharp's Tensor.Save, .npy, and torch.save of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from samples import ALL, random_entry, to_torch
from tscompat.codec import read_state_dict, read_tensor
from tscompat.dotnet_side.cache import Publish
from tscompat.files.item import Item, Model, ModelFileError
from tscompat.python_side import torch_tensors
from tscompat.values.compare import difference
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import Tensor, tensor_of
from tscompat.values.verdict import Kind, Verdict
from tscompat.verbs.convert import Conversion, Names, conversion, prepare
from verbs.items import item


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Item], Path]:
    """Makes a source that holds one tensor without a name."""

    def make(tensor: Item) -> Path:
        def read(path: Path, key: str, tell: object, form: str) -> Model:
            return Model(path, "a tensor", [tensor._replace(name="")], single=True)

        monkeypatch.setattr(conversion, "read", read)
        (tmp_path / "a").touch()
        return tmp_path / "a"

    return make


def written(source: Path, target: Path, names: Names | None = None) -> Conversion:
    made = prepare(source, target, names=names, tell=print)
    made.write(lambda written: None)
    return made


def of_array(path: Path) -> Tensor:
    array = np.load(path)
    names = {"bool_": "bool"}
    scalar = array.dtype.name
    known = next(each for each in ALL if each.torch == names.get(scalar, scalar))
    return tensor_of(known, array.shape, array.tobytes())


def of_pickle(path: Path) -> Tensor:
    ((_, tensor),) = torch_tensors.export({"w": torch.load(path, weights_only=True)})
    return tensor


READ: dict[str, Callable[[Path], Tensor]] = {
    ".dat": read_tensor,
    ".npy": of_array,
    ".pt": of_pickle,
    ".pth": of_pickle,
}
WITHOUT = {".npy": "is no dtype of numpy's", ".dat": "has no code in a .dat"}
FEWER = {
    ".npy": {each.name for each in ALL if each.torch not in dir(np)},
    ".dat": {each.name for each in ALL if each.code < 0},
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")  # torch.load of a quantized tensor
@pytest.mark.parametrize("target", READ)
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype_arrives_or_is_refused(
    dtype: DType, target: str, single: Callable[[Item], Path], tmp_path: Path
) -> None:
    expected = random_entry("", dtype).tensor
    source = single(Item("", dtype, expected.shape, lambda: expected.data, copies=False))
    if dtype.name in FEWER.get(target, ()):
        with pytest.raises(ModelFileError, match=f"{dtype.torch} {WITHOUT[target]}"):
            written(source, tmp_path / f"b{target}")
    else:
        written(source, tmp_path / f"b{target}")
        assert difference(expected, READ[target](tmp_path / f"b{target}")) is None


@pytest.mark.parametrize("shape", [(), (0, 4), (1, 2, 3)])
@pytest.mark.parametrize("target", READ)
def test_shapes(target: str, shape: tuple[int, ...], single: Callable[[Item], Path], tmp_path: Path) -> None:
    written(single(item(np.zeros(shape))), tmp_path / f"b{target}")
    assert READ[target](tmp_path / f"b{target}").shape == shape


def test_numpy_has_fewer_dims(single: Callable[[Item], Path], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="it has 65 dims, and numpy allows 64"):
        written(single(item([1])._replace(shape=(1,) * 65)), tmp_path / "b.npy")


def test_safetensors_need_a_name(single: Callable[[Item], Path], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="needs a name for the tensor, and the source has none: give --add-prefix"):
        written(single(item([1])), tmp_path / "b.safetensors")


def test_with_a_name_it_is_a_state_dict(single: Callable[[Item], Path], tmp_path: Path) -> None:
    written(single(item([1])), tmp_path / "b.dat", Names(add_prefix="w"))
    assert [entry.name for entry in read_state_dict(tmp_path / "b.dat")] == ["w"]


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A state dict of one tensor."""
    torch.save(to_torch([random_entry("a.w", BY_NAME["f32"])]), tmp_path / "a.pth")
    return tmp_path / "a.pth"


def test_a_tensor_whose_name_is_taken_off_has_none(one: Path, tmp_path: Path) -> None:
    written(one, tmp_path / "b.dat", Names(strip_prefix="a.w"))
    assert read_tensor(tmp_path / "b.dat").shape == (3, 5)


def test_a_name_does_not_fit_into_an_array(one: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is called 'a\.w': --strip-prefix a\.w takes that off"):
        written(one, tmp_path / "b.npy")


def test_several_tensors_do_not_fit_into_an_array(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match="the source has 2 tensors: give a target that holds names"):
        written(tmp_path / "a.pth", tmp_path / "b.npy")


def test_an_entry_whose_name_is_empty_stays_an_entry(tmp_path: Path) -> None:
    torch.save({"": torch.ones(1)}, tmp_path / "a.pth")
    written(tmp_path / "a.pth", tmp_path / "b.dat")
    assert [entry.name for entry in read_state_dict(tmp_path / "b.dat")] == [""]


def test_torchsharp_loads_the_same_bits(one: Path, tmp_path: Path, publish: Publish) -> None:
    made = written(one, tmp_path / "b.dat", Names(strip_prefix="a.w"))
    assert made.verify(print) == Verdict(Kind.PASS)


def test_torchsharp_loads_other_bits(one: Path, tmp_path: Path, publish: Publish) -> None:
    made = written(one, tmp_path / "b.dat", Names(strip_prefix="a.w"))
    data = bytearray(made.target.read_bytes())
    data[-1] ^= 1
    made.target.write_bytes(data)
    assert made.verify(print).kind is Kind.BITS
