"""What torch writes is read as torch reads it, in every container, protocol, layout and dtype; nothing of it is run."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import json
import pickle
import re
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from files.by_hand.archives import Member, tarred
from files.by_hand.models import torch_tar
from samples import ALL, random_entry, to_torch
from tscompat.files.item import Item, Model, ModelFileError, Unfit
from tscompat.files.kinds import read
from tscompat.files.pickled import torch_legacy, torch_zip
from tscompat.files.pickled.machine import PickleError
from tscompat.files.pickled.torch_export import DTYPES
from tscompat.files.source import opened
from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import Entry, StateDict, Tensor

Save = Callable[[object, Path], None]


def zipped(document: object, path: Path, protocol: int = 2) -> None:
    torch.save(document, path, pickle_protocol=protocol)


def legacy(document: object, path: Path, protocol: int = 2) -> None:
    torch.save(document, path, _use_new_zipfile_serialization=False, pickle_protocol=protocol)


def plain(document: object, path: Path, protocol: int = 2) -> None:
    path.write_bytes(pickle.dumps(document, protocol))


SAVES = {"zip": zipped, "legacy": legacy, "plain": plain}


def zipped_again(path: Path, change: Callable[[str, bytes], bytes], method: int = zipfile.ZIP_STORED) -> None:
    """Zip an archive of torch.save again, with what ``change`` makes of each record by its name."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, change(name.partition("/")[2], data))


def big_endian(document: object, path: Path, size: int) -> None:
    """As torch.save writes on a big-endian machine, where all numbers in the storages have ``size`` bytes."""

    def change(name: str, data: bytes) -> bytes:
        if name == "byteorder":
            return b"big"
        return np.frombuffer(data, f"u{size}").byteswap().tobytes() if name.startswith("data/") else data

    torch.save(document, path)
    zipped_again(path, change)


def read_quietly(path: Path, key: str = "") -> Model:
    return read(path, key, lambda sentence: None)


def found(path: Path, key: str = "") -> StateDict:
    items = read_quietly(path, key).contents
    assert not [each for each in items if isinstance(each, Unfit)]
    return [
        Entry(each.name, Tensor(each.dtype, each.shape, bytes(each.read()))) for each in items if isinstance(each, Item)
    ]


def expected(state: dict[str, torch.Tensor]) -> StateDict:
    return [Entry(name, tensor._replace(data=bytes(tensor.data))) for name, tensor in torch_tensors.export(state)]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", SAVES)
def test_every_protocol(kind: str, protocol: int, tmp_path: Path) -> None:
    state = {"a": torch.randn(3, 4), "b": torch.arange(5), "": torch.tensor(1.5)}
    SAVES[kind](collections.OrderedDict(state), tmp_path / "a", protocol)
    assert found(tmp_path / "a") == expected(state)


@pytest.mark.filterwarnings("ignore")  # torch warns of its own quantized storages
@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype(dtype: DType, kind: str, tmp_path: Path) -> None:
    state = to_torch([random_entry("weight", dtype)])
    SAVES[kind](state, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


@pytest.mark.filterwarnings("ignore")  # torch warns of its own quantized storages
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype_of_a_big_endian_machine(dtype: DType, tmp_path: Path) -> None:
    state = to_torch([random_entry("weight", dtype)])
    big_endian(state, tmp_path / "a", dtype.scalar.itemsize)
    assert found(tmp_path / "a") == expected(state)


@pytest.mark.parametrize("tensor", [torch.arange(12).view(3, 4).T, torch.arange(12)[3:]], ids=["strides", "offset"])
def test_a_view_of_a_big_endian_machine(tensor: torch.Tensor, tmp_path: Path) -> None:
    big_endian({"w": tensor}, tmp_path / "a", 8)
    assert found(tmp_path / "a") == expected({"w": tensor})


@pytest.mark.parametrize("kind", SAVES)
@pytest.mark.parametrize("layout", torch_tensors.LAYOUTS)
def test_every_layout(layout: str, kind: str, tmp_path: Path) -> None:
    shape = (2, 3, 4, 5) if layout in ("permuted", "channels-last") else (3, 4)
    shape = (2, 3, 4) if layout == "permuted" else shape
    name = {"conj": "c64", "neg": "f32"}.get(layout, "bf16")
    state = {"w": torch_tensors.LAYOUTS[layout](to_torch([random_entry("w", BY_NAME[name], shape)])["w"])}
    SAVES[kind](state, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "dtype": lambda tensor: tensor.view(torch.uint32),
    "strides": lambda tensor: tensor.T,
    "conj": torch.Tensor.conj,
    "neg": lambda tensor: tensor._neg_view(),  # pyright: ignore[reportPrivateUsage]
    "offset": lambda tensor: tensor[1:],
    "shape": lambda tensor: tensor.view(4),
}
"""Views of a square tensor of complex numbers, each with other elements or another shape."""


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("view", ["conj", "neg"])
@pytest.mark.parametrize("name", ["c32", "c64"])  # over an untyped storage, and over one of its dtype
def test_complex_numbers_whose_signs_are_elsewhere(name: str, view: str, kind: str, tmp_path: Path) -> None:
    state = {"w": OTHERS[view](to_torch([random_entry("w", BY_NAME[name])])["w"])}
    SAVES[kind](state, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


def test_the_quantizer_is_read(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 0.25, 7, torch.quint8)}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    assert item.quantizer == (0.25, 7)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_two_tensors_over_one_storage_are_tied(kind: str, tmp_path: Path) -> None:
    tensor = torch.ones(2, 3)
    SAVES[kind]({"a": tensor, "b": tensor.detach()}, tmp_path / "a")
    a, b = (each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item))
    assert a == b


def test_two_halves_of_a_tensor_are_not_tied(tmp_path: Path) -> None:
    tensor = torch.ones(2, 3)
    torch.save({"a": tensor[:1], "b": tensor[1:]}, tmp_path / "a")
    a, b = (each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item))
    assert a != b


def test_tensors_without_elements_are_not_tied(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2, 3)[:0], "b": torch.ones(2, 3)[:0]}, tmp_path / "a")
    assert [each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)] == [None, None]


def test_tied_names_have_one_tie(tmp_path: Path) -> None:
    tensor = torch.ones(2, 3)
    torch.save({"a": tensor, "b": tensor, "c": tensor[:1], "d": tensor.clone()}, tmp_path / "a")
    ties = [each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)]
    assert (ties[0] == ties[1], len(set(ties))) == (True, 3)


@pytest.mark.parametrize("view", OTHERS)
def test_a_view_that_is_another_tensor_has_another_tie(view: str, tmp_path: Path) -> None:
    tensor = to_torch([random_entry("w", BY_NAME["c32"], (2, 2))])["w"]
    torch.save({"a": tensor, "b": OTHERS[view](tensor)}, tmp_path / "a")
    ties = [each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)]
    assert len(set(ties)) == 2


@pytest.mark.filterwarnings("ignore")  # torch warns of its own quantized storages
def test_one_storage_with_two_quantizers_is_two_tensors(tmp_path: Path) -> None:
    a, b = (torch.quantize_per_tensor(torch.ones(3), scale, 0, torch.qint8) for scale in (0.5, 0.25))
    owner: Any = a  # its storage() is partly typed; untyped_storage() has no dtype of quantized elements
    b.set_(owner.storage(), 0, (3,), (1,))
    torch.save({"a": a, "b": b}, tmp_path / "a")
    ties = {each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)}
    assert len(ties) == 2


@pytest.mark.parametrize("start", [0, 10])
@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_stored_tensor_has_its_place_in_the_file(kind: str, start: int, tmp_path: Path) -> None:
    SAVES[kind]({"a": torch.arange(1000)[start:]}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    data = (tmp_path / "a").read_bytes()
    assert data[item.offset or 0 :][: item.nbytes] == torch.arange(start, 1000).numpy().tobytes()


@pytest.mark.parametrize("view", ["strides", "conj", "neg"])
def test_a_tensor_that_does_not_lie_there_as_it_is_read_has_no_place(view: str, tmp_path: Path) -> None:
    tensor = to_torch([random_entry("w", BY_NAME["c32"], (2, 2))])["w"]
    torch.save({"w": OTHERS[view](tensor)}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    assert item.offset is None


def test_a_tensor_in_bytes_of_a_pickle_has_no_place(tmp_path: Path) -> None:
    plain({"w": torch.ones(3)}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    assert item.offset is None


def placed(path: Path) -> tuple[int | None, bool]:
    """The place of the only tensor, and whether a copy is read."""
    (item,) = read_quietly(path).contents
    assert isinstance(item, Item)
    return item.offset, item.copies


def test_a_tensor_of_a_big_endian_machine_is_copied(tmp_path: Path) -> None:
    big_endian({"a": torch.ones(3)}, tmp_path / "a", 4)
    assert placed(tmp_path / "a") == (None, True)


def test_a_packed_tensor_is_copied(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "a")
    zipped_again(tmp_path / "a", lambda name, data: data, zipfile.ZIP_DEFLATED)
    assert placed(tmp_path / "a") == (None, True)


def test_the_stride_of_a_dim_of_1_is_any_number(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(6).as_strided((1, 6), (9, 1))}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    assert not item.copies


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("left", torch.zeros(2), persistent=False)
        self.plain = torch.ones(4)
        self.bias = nn.Parameter(torch.ones(5))
        self.none = None
        self.register_module("gone", None)


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), nn.Sequential(Block(), nn.ReLU())])
        self.again = self.blocks[0]


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_module_has_its_state_dict(kind: str, wrapped: bool, tmp_path: Path) -> None:
    module: nn.Module = nn.DataParallel(Whole()) if wrapped else Whole()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that it keeps no source
        SAVES[kind]({"epoch": 1, "model": module}, tmp_path / "a")
    assert found(tmp_path / "a") == expected(module.state_dict())


def test_a_module_without_weights_is_no_model_beside_one(tmp_path: Path) -> None:
    state = {"w": torch.ones(9)}
    torch.save({"state_dict": state, "hyper_parameters": {"criterion": nn.CrossEntropyLoss()}}, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


def test_a_module_with_weights_is_not_passed_over_beside_others(tmp_path: Path) -> None:
    torch.save({"model": nn.Sequential(nn.Linear(2, 2)), "other": {"w": torch.ones(9)}}, tmp_path / "a")
    with pytest.raises(ModelFileError, match="several state dicts here"):
        read_quietly(tmp_path / "a")


class OwnState(nn.Module):
    """A module whose pickle is not that of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))

    def __getstate__(self) -> Any:
        return (self.training, self.w)


class OwnCall(OwnState):
    def __reduce__(self) -> Any:
        return (OwnCall, (self.w.data,))


@pytest.mark.parametrize(
    ("child", "name"),
    [(OwnState(), "1"), (OwnCall(), "1"), (nn.LazyLinear(3), "1.weight")],
    ids=["state", "call", "uninitialized"],
)
def test_a_child_that_only_its_class_puts_together_is_no_part_of_less(
    child: nn.Module, name: str, tmp_path: Path
) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2), child), tmp_path / "a")
    odd = [each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit)]
    assert odd[0].name == name


def test_a_packed_layer_in_a_module_is_named(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's quantization is deprecated
        quantization: Any = import_module("torch.ao.quantization")  # its functions are untyped and deprecated
        quantized = quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    torch.save(nn.Sequential(nn.Linear(4, 4), quantized), tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert ("1.0" in odd.name, "packed" in odd.why) == (True, True)


class Settings:
    """A class that no reader of the file has."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.lr, self.weights = 0.1, state


def test_a_state_dict_in_an_object(tmp_path: Path) -> None:
    state = {"w": torch.ones(3)}
    torch.save([Settings(state)], tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


class Slotted:
    """A class whose attributes lie in slots."""

    __slots__ = ("weights",)

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.weights = state


class Named(dict[str, torch.Tensor]):
    """A subclass of dict."""


class Listed(list[dict[str, torch.Tensor]]):
    """A subclass of list."""


class Called:
    """What pickles as the call of a function."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


PARAMETER: Any = import_module("torch._utils").__dict__["_rebuild_parameter_with_state"]
STATE = {"w": torch.ones(3)}
AROUND: dict[str, tuple[Any, Sequence[int]]] = {
    "slots": (Slotted(STATE), range(2, 6)),  # Python pickles slots since protocol 2
    "a subclass of dict": (Named(STATE), range(6)),
    "a subclass of list": (Listed([STATE]), range(6)),
    "a call of dict": (Called(dict, STATE), range(6)),
    "a parameter with attributes": ({"w": Called(PARAMETER, STATE["w"], False, {}, {"note": 1})}, range(6)),
}


@pytest.mark.parametrize(
    ("around", "protocol"), [(kind, each) for kind, (_, protocols) in AROUND.items() for each in protocols]
)
def test_a_state_dict_in_what_other_classes_make(around: str, protocol: int, tmp_path: Path) -> None:
    zipped(AROUND[around][0], tmp_path / "a", protocol)
    assert found(tmp_path / "a") == expected(STATE)


BESIDE: list[Any] = [
    argparse.Namespace(lr=0.1),
    np.float64(0.5),
    np.arange(3),
    Path("a"),
    datetime.datetime(2020, 1, 1),
    collections.deque([1, 2], 5),
    collections.defaultdict(list, {"a": [1]}),
    {(1, 2): {3}, frozenset([4]): b"5"},
    complex(1, 2),
    slice(1, 2),
    torch.Size([1, 2]),
    torch.float32,
    torch.device("cpu"),
    print,
    nn.ReLU,
]


@pytest.mark.parametrize("beside", BESIDE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_what_stands_beside_is_passed_over(kind: str, beside: object, tmp_path: Path) -> None:
    state = {"w": torch.ones(9)}
    SAVES[kind]({"model": state, "beside": beside}, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


@pytest.mark.parametrize("kind", SAVES)
def test_the_protocol_of_a_single_tensor_is_read(kind: str, tmp_path: Path) -> None:
    SAVES[kind](torch.ones(9), tmp_path / "a", 4)
    assert read_quietly(tmp_path / "a").about["pickle protocol"] == "4"


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", SAVES)
def test_the_protocol_is_read(kind: str, protocol: int, tmp_path: Path) -> None:
    SAVES[kind]({"w": torch.ones(9)}, tmp_path / "a", protocol)
    assert read_quietly(tmp_path / "a").about["pickle protocol"] == str(protocol)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_what_was_not_run_is_named(kind: str, tmp_path: Path) -> None:
    said: list[str] = []
    SAVES[kind]({"model": {"w": torch.ones(9)}, "args": argparse.Namespace()}, tmp_path / "a")
    read(tmp_path / "a", "", said.append)
    assert said[1] == "the file names argparse.Namespace: nothing of it was imported or run"


ARRAYS = [
    np.arange(6, dtype="<f4").reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype="<f8").reshape(2, 3)),
    np.arange(6, dtype=">i4").reshape(2, 3)[::-1],
    np.array(7, dtype=np.int64),
    np.zeros((0, 3), np.float16),
    np.array([True, False]),
    np.arange(3) * 1j,
    np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
]


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_in_pickles(protocol: int, tmp_path: Path) -> None:
    state = {f"a{number}": array for number, array in enumerate(ARRAYS)}
    plain(state, tmp_path / "a", protocol)
    assert found(tmp_path / "a") == expected(
        {name: torch.tensor(array.astype(array.dtype.newbyteorder("="))) for name, array in state.items()}
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "code", ["b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8", "c8", "c16"]
)
def test_arrays_of_every_dtype_in_pickles(code: str, order: str, tmp_path: Path) -> None:
    array = (np.arange(5) * 77).astype(order + code)
    plain({"a": array}, tmp_path / "a")
    assert found(tmp_path / "a") == [Entry("a", Tensor(BY_TORCH[array.dtype.name], (5,), array.astype(code).tobytes()))]


OLD_NAMES = {
    "numpy 1": (np.arange(6, dtype="f4"), b"numpy._core", b"numpy.core"),
    "torch 0.1": (
        nn.Parameter(torch.arange(6.0)),
        b"torch._utils\n_rebuild_parameter\n",
        b"torch.autograd.variable\nVariable\n",
    ),
    "torch_xla": (lambda: OfAnotherDevice(torch.float32), b"_rebuild_device_tensor_from_numpy", b"_rebuild_xla_tensor"),
}


@pytest.mark.parametrize("by", OLD_NAMES)
def test_names_of_old_versions(by: str, tmp_path: Path) -> None:
    value, new, old = OLD_NAMES[by]
    legacy({"w": value() if callable(value) else value}, tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes().replace(new, old))
    assert found(tmp_path / "a") == expected({"w": torch.arange(6, dtype=torch.float32)})


class OfAnotherDevice:
    """A tensor as torch pickles one of a device that numpy serves: with the dtype that it had there."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def __reduce__(self) -> Any:
        rebuild: Any = import_module("torch._utils")
        return rebuild._rebuild_device_tensor_from_numpy, (np.arange(6, dtype="f4"), self.dtype, "cpu", False)


def test_a_tensor_of_another_device_in_its_own_dtype(tmp_path: Path) -> None:
    torch.save({"w": OfAnotherDevice(torch.float32)}, tmp_path / "a")
    assert found(tmp_path / "a") == expected({"w": torch.arange(6, dtype=torch.float32)})


class Pair(tuple[torch.Tensor, ...]):
    """A subclass of a tuple: in protocols 0 and 1 its values are the state of its base."""


@pytest.mark.parametrize("protocol", range(6))
def test_tensors_in_a_tuple_of_a_class_are_seen(protocol: int, tmp_path: Path) -> None:
    torch.save(
        {"a": torch.ones(9), "b": Pair((torch.ones(2), torch.ones(3)))}, tmp_path / "a", pickle_protocol=protocol
    )
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd.name == "b"


UNFIT: list[tuple[Any, str]] = [
    (OfAnotherDevice(torch.bfloat16), "a tensor of bfloat16 of another device, kept as float32"),
    (np.ma.masked_array([1.0, 2.0], mask=[False, True]), "an array with a mask"),
    (np.array([{}], dtype=object), "an array of Python objects"),
    (np.array(["ab"]), "an array of numpy's dtype U2"),
    (np.zeros(2, [("x", "f4")]), "an array of numpy's dtype with fields"),
    (torch.eye(2).to_sparse(), "a sparse_coo tensor"),
    (torch.ones(2, device="meta"), "on the meta device"),
    ({"inner": torch.ones(1)}, "a dict with tensors in it"),
    ({(1, 2): torch.ones(1)}, "a dict with tensors in it"),
    (torch.ones(2).untyped_storage(), "a storage, which has no sizes"),
    ((torch.ones(1), None), "a tuple with tensors in it"),
    (OwnState(), "OwnState, whose values only that class puts together"),
    (Settings({"w": torch.ones(1)}), "Settings, whose values only that class puts together"),
]


@pytest.mark.parametrize(("value", "why"), UNFIT, ids=[why for _, why in UNFIT])
def test_what_holds_tensors_in_another_form_is_named(value: object, why: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(9), "odd": value}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert (odd.name, why in odd.why) == ("odd", True)


def test_a_tensor_whose_key_is_a_number_is_named(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(9), 7: torch.ones(1)}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd == ("7", "a tensor whose key is not a name")


@pytest.mark.filterwarnings("ignore")  # torch warns that these are in the making
@pytest.mark.parametrize("kind", ["sparse_csr", "nested"])
def test_a_tensor_of_several_parts_is_named(kind: str, tmp_path: Path) -> None:
    nested: Any = torch.nested
    value = torch.eye(2).to_sparse_csr() if kind == "sparse_csr" else nested.nested_tensor([torch.ones(1)])
    torch.save({"w": torch.ones(9), "odd": value}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd.why.startswith(f"a {kind} tensor: make it dense in Python")


@pytest.mark.filterwarnings("ignore")
def test_a_sparse_tensor_of_torch_1_10_is_named(tmp_path: Path) -> None:
    legacy({"w": torch.ones(9), "odd": torch.eye(2).to_sparse_csr()}, tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data.replace(b"_rebuild_sparse_tensor", b"_rebuild_sparse_csr_tensor"))
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd.why.startswith("a sparse_csr tensor")


@pytest.mark.filterwarnings("ignore")
def test_packed_parameters_in_a_state_dict_are_named(tmp_path: Path) -> None:
    quantization: Any = import_module("torch.ao.quantization")
    quantized = quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    torch.save(nn.Sequential(nn.Linear(4, 4), quantized).state_dict(), tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert "packed parameters" in odd.why


class OwnTensor(torch.Tensor):
    """A class of tensors."""


@pytest.mark.filterwarnings("ignore")
def test_a_quantized_tensor_of_a_class_is_named(tmp_path: Path) -> None:
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.25, 7, torch.quint8).as_subclass(OwnTensor)
    torch.save({"w": torch.ones(9), "odd": quantized}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert "OwnTensor, whose values only that class puts together" in odd.why


def test_what_is_passed_over_is_kept_by_name(tmp_path: Path) -> None:
    torch.save(STATE | {"epoch": 3, "note": "a"}, tmp_path / "a")
    assert read_quietly(tmp_path / "a").passed == ("epoch", "note")


class Optional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_parameter("absent", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


class Traced(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("b", torch.ones(3))
        self.c = torch.full((3,), 7.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + self.b + self.c


@pytest.mark.filterwarnings("ignore")  # torch.jit is deprecated
@pytest.mark.parametrize("way", ["script", "trace"])
def test_torchscript_has_the_state_dict_of_its_module(way: str, tmp_path: Path) -> None:
    jit: Any = torch.jit
    module = Traced()
    made = jit.script(module) if way == "script" else jit.trace(module, torch.ones(1, 2))
    jit.save(made, tmp_path / "code.pt")
    assert sorted(found(tmp_path / "code.pt")) == sorted(expected(made.state_dict()))


@pytest.mark.filterwarnings("ignore")
def test_a_key_that_an_archive_of_torchscript_does_not_have(tmp_path: Path) -> None:
    jit: Any = torch.jit
    jit.save(jit.script(Traced()), tmp_path / "a.pt")
    with pytest.raises(ModelFileError, match="at the key 'nope', found nothing"):
        read_quietly(tmp_path / "a.pt", "nope")


@pytest.mark.filterwarnings("ignore")
def test_torchscript_of_modules_in_modules(tmp_path: Path) -> None:
    jit: Any = torch.jit
    module = nn.Sequential(nn.Sequential(nn.Sequential(Optional())), Optional())
    jit.save(jit.script(module), tmp_path / "a.pt")
    assert sorted(found(tmp_path / "a.pt")) == sorted(expected(module.state_dict()))


def test_a_module_of_torchscript_whose_state_is_its_own_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02c__torch__\nM\n)\x81K\x01b.")
        archive.writestr("m/code/__torch__.py", 'class M(Module):\n  __parameters__ = ["w", ]\n  __buffers__ = []\n')
    (odd,) = read_quietly(tmp_path / "a.pt").contents
    assert isinstance(odd, Unfit)
    assert "the state of a __torch__.M, in a form that only its code reads" in odd.why


@pytest.mark.filterwarnings("ignore")
def test_a_packed_layer_of_torchscript_is_named(tmp_path: Path) -> None:
    jit: Any = torch.jit
    quantization: Any = import_module("torch.ao.quantization")
    quantized = quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    jit.save(jit.script(nn.Sequential(nn.Linear(4, 4), quantized)), tmp_path / "a.pt")
    odd = [each for each in read_quietly(tmp_path / "a.pt").contents if isinstance(each, Unfit)]
    assert any("packed for a processor" in each.why for each in odd)


class WithTable(Traced):
    """Has a tensor that is no parameter and no buffer, larger than all of them: a constant of the traced graph."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.ones(100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.table[0]


@pytest.mark.filterwarnings("ignore")
def test_constants_of_a_traced_graph_are_left(tmp_path: Path) -> None:
    jit: Any = torch.jit
    jit.save(jit.trace(WithTable(), torch.ones(1, 2)), tmp_path / "a.pt")
    notes: list[str] = []
    names = [each.name for each in read(tmp_path / "a.pt", "", notes.append).contents]
    assert (sorted(names), notes) == (sorted(Traced().state_dict()), ["left: the constants of the graph, 412 bytes"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "module", [Traced(), nn.TransformerEncoderLayer(4, 2, 8), nn.ReLU()], ids=["whole", "in part", "without weights"]
)
def test_a_frozen_module_of_torchscript_is_refused(module: nn.Module, tmp_path: Path) -> None:
    jit: Any = torch.jit
    jit.save(jit.freeze(jit.script(module.eval())), tmp_path / "a.pt")
    with pytest.raises(ModelFileError, match=r"constants of the graph: save the module before it is frozen"):
        read_quietly(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore")
def test_the_child_of_a_whole_module_that_only_its_class_reads(tmp_path: Path) -> None:
    compiled: Any = torch.compile(nn.Linear(3, 3))  # pyright: ignore[reportUnknownMemberType]
    torch.save(nn.Sequential(nn.Linear(2, 2), compiled), tmp_path / "a.pth")
    (child,) = (each for each in read_quietly(tmp_path / "a.pth").contents if isinstance(each, Unfit))
    assert child.name == "1"
    assert re.search(r"OptimizedModule, .*weights_only=False\).state_dict\(\)", child.why)


def test_a_tensor_at_a_key_is_a_single_one(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.ones(2)}, "embedding": torch.ones(3)}, tmp_path / "a.pth")
    model = read_quietly(tmp_path / "a.pth", "embedding")
    assert (model.single, [each.shape for each in model.contents if isinstance(each, Item)]) == (True, [(3,)])


def test_a_key_of_a_single_tensor_is_none(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "a")
    with pytest.raises(ModelFileError, match="at the key 'k', found nothing"):
        read_quietly(tmp_path / "a", "k")


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_has_its_state_dict(tmp_path: Path) -> None:
    module = Traced()
    torch.export.save(torch.export.export(module, (torch.ones(1, 2),)), tmp_path / "a.pt2")
    assert sorted(found(tmp_path / "a.pt2")) == sorted(expected(module.state_dict()))


def test_the_numbers_of_dtypes_are_those_of_torch_export() -> None:
    serialize: Any = import_module("torch._export.serde.serialize")
    theirs = {
        int(code): str(dtype).removeprefix("torch.") for dtype, code in serialize._TORCH_TO_SERIALIZE_DTYPE.items()
    }
    assert {code: DTYPES[code] for code in theirs} == theirs


def weight(record: str, dtype: int = 7, sizes: tuple[int, ...] = (), strides: tuple[int, ...] = (), at: int = 0) -> Any:
    """What a program of torch.export states of a tensor; of one that is pickled, without sizes, only the record."""
    ints = {"sizes": sizes, "strides": strides}
    meta = {name: [{"as_int": number} for number in numbers] for name, numbers in ints.items()}
    whole = {**meta, "dtype": dtype, "storage_offset": {"as_int": at}, "layout": 7}
    return {"path_name": record, "use_pickle": not sizes, "tensor_meta": whole if sizes else None}


def save_exported(path: Path, weights: dict[str, Any], records: dict[str, bytes], order: str = "little") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/byteorder", order)
        archive.writestr("a/data/weights/model_weights_config.json", json.dumps({"config": weights}))
        for name, data in records.items():
            archive.writestr(f"a/data/weights/{name}", data)


@pytest.mark.parametrize("order", ["little", "big"])
def test_tensors_of_one_record_of_an_exported_program(order: str, tmp_path: Path) -> None:
    data = np.arange(6, dtype="<i4")
    weights = {"a": weight("r", 7, (2, 2), (1, 2), 1), "b": weight("r", 4, (6,), (1,))}
    save_exported(tmp_path / "a", weights, {"r": data.astype({"little": "<i4", "big": ">i4"}[order]).tobytes()}, order)
    assert found(tmp_path / "a") == [
        Entry("a", Tensor(BY_NAME["f32"], (2, 2), data[[1, 3, 2, 4]].tobytes())),
        Entry("b", Tensor(BY_NAME["i32"], (6,), data.tobytes())),
    ]


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def test_pickled_tensors_of_an_exported_program(tmp_path: Path) -> None:
    state = {"a": torch.ones(2), "b": torch.zeros(3)}
    records = {name: saved(tensor) for name, tensor in state.items()}
    save_exported(tmp_path / "a", {name: weight(name) for name in state}, records)
    assert found(tmp_path / "a") == expected(state)


def test_a_pickled_tensor_of_an_exported_program_that_is_described(tmp_path: Path) -> None:
    described = {"w": weight("w", 7, (1,), (1,)) | {"use_pickle": True}}
    save_exported(tmp_path / "a", described, {"w": saved(torch.arange(3.0))})
    assert found(tmp_path / "a") == expected({"w": torch.arange(3.0)})


def test_a_sparse_tensor_of_an_exported_program_is_named(tmp_path: Path) -> None:
    sparse = weight("w", 7, (1,), (1,))
    sparse["tensor_meta"]["layout"] = 1
    save_exported(tmp_path / "a", {"w": sparse}, {"w": bytes(4)})
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert odd.why == "a sparse tensor: make it dense in Python (to_dense())"


def test_several_exported_programs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name in "ab":
            archive.writestr(f"m/data/weights/{name}_weights_config.json", '{"config": {}}')
    with pytest.raises(ModelFileError, match=r"an archive of 2 exported programs \(a, b\)"):
        read_quietly(tmp_path / "a")


def test_a_pickled_tensor_of_an_exported_program_has_its_place(tmp_path: Path) -> None:
    save_exported(tmp_path / "a", {"w": weight("w")}, {"w": saved(torch.arange(100))})
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    assert item.offset == (tmp_path / "a").read_bytes().index(torch.arange(100).numpy().tobytes())


def test_an_exported_program_of_torch_2_5(tmp_path: Path) -> None:
    state = {"w": torch.randn(2, 3)}
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr("version", "5.3")
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", saved(state))
    assert found(tmp_path / "a.pt2") == expected(state)


def test_a_tar_of_torch_0_1(tmp_path: Path) -> None:
    tensor, whole = np.arange(6, dtype="<f4"), np.arange(10, dtype="<i8")
    storages = b"".join(
        [
            pickle.dumps(2, 2),
            b"\x80\x02(K\x07X\x03\x00\x00\x00cpuctorch\nFloatStorage\nt.",
            struct.pack("<q", 6) + tensor.tobytes(),
            b"\x80\x02(K\x08X\x03\x00\x00\x00cpuctorch\nLongStorage\nt.",
            struct.pack("<q", 10) + whole.tobytes(),
            pickle.dumps([(9, 8, 4, 6)], 2),
        ]
    )
    tensors = b"".join(
        [
            pickle.dumps(2, 2),
            b"\x80\x02K\x0bK\x07ctorch\nFloatTensor\n\x87.",
            struct.pack("<i4x2q2qq", 2, 3, 2, 1, 3, 0),
            b"\x80\x02K\x0cK\x09ctorch\nLongTensor\n\x87.",
            struct.pack("<i4x1q1qq", 1, 3, 2, 1),
        ]
    )
    document = b"\x80\x02ccollections\nOrderedDict\n]((X\x01\x00\x00\x00wK\x0bQl(X\x01\x00\x00\x00bK\x0cQle\x85R."
    with tarfile.open(tmp_path / "a.pth", "w") as archive:
        for name, data in (("sys_info", b"N."), ("storages", storages), ("tensors", tensors), ("pickle", document)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert found(tmp_path / "a.pth") == [
        Entry("w", Tensor(BY_NAME["f32"], (3, 2), tensor.reshape(2, 3).T.tobytes())),
        Entry("b", Tensor(BY_NAME["i64"], (3,), whole[[5, 7, 9]].tobytes())),
    ]


def test_of_two_members_of_one_name_a_tar_means_the_last(tmp_path: Path) -> None:
    first, last = (np.full(3, value, "<f4") for value in (1, 2))
    (tmp_path / "a.pth").write_bytes(torch_tar({"w": first})[:-1024] + torch_tar({"w": last}))
    assert found(tmp_path / "a.pth") == [Entry("w", Tensor(BY_NAME["f32"], (3,), last.tobytes()))]


def test_only_files_of_a_tar_are_its_members(tmp_path: Path) -> None:
    tensor = np.arange(3, dtype="<f4")
    header = tarred([Member("storages", b"16 path=storages\n", stated={"type": "g"})])
    (tmp_path / "a.pth").write_bytes(torch_tar({"w": tensor})[:-1024] + header)
    assert found(tmp_path / "a.pth") == [Entry("w", Tensor(BY_NAME["f32"], (3,), tensor.tobytes()))]


def test_a_tar_whose_sum_is_wrong_is_refused(tmp_path: Path) -> None:
    data = bytearray(torch_tar({"w": np.arange(3, dtype="<f4")}))
    data[data.index(b"pickle\0") + 148] ^= 1  # the first digit of the sum
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(ModelFileError):
        read_quietly(tmp_path / "a.pth")


MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def by_hand(document: bytes, storages: list[tuple[str, int, bytes]]) -> bytes:
    """A legacy file: its document's opcodes, and for each storage the key, the number of elements, the bytes."""
    keys = pickle.dumps([key for key, _, _ in storages], 2)
    start = [b"\x80\x02" + MAGIC, b"\x80\x02M\xe9\x03.", b"\x80\x02}.", document, keys]
    return b"".join([*start, *(struct.pack("<q", count) + data for _, count, data in storages)])


def test_a_part_of_a_storage_as_torch_0_3_saved_it(tmp_path: Path) -> None:
    data = np.arange(10, dtype="<f4")
    (tmp_path / "a.pth").write_bytes(
        by_hand(
            b"\x80\x02}U\x01wctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x015U\x03cpuK\x0a"
            b"(U\x016K\x04K\x06ttQK\x01K\x02K\x02\x86K\x02K\x01\x86tRs.",
            [("5", 10, data.tobytes())],
        )
    )
    assert found(tmp_path / "a.pth") == [Entry("w", Tensor(BY_NAME["f32"], (2, 2), data[[5, 6, 7, 8]].tobytes()))]


PART = (
    b"ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x015U\x03cpuK\x0a(U\x01%bK%cK%cttQ"
    b"K\x00K%c\x85K\x01\x85tR"
)
"""A tensor of all numbers of a part: its key, its offset, how many numbers; and again how many."""


def test_two_parts_of_a_storage(tmp_path: Path) -> None:
    data = np.arange(10, dtype="<f4")
    parts = b"U\x01a" + PART % (b"6", 4, 6, 6) + b"sU\x01b" + PART % (b"7", 0, 4, 4) + b"s"
    (tmp_path / "a.pth").write_bytes(by_hand(b"\x80\x02}" + parts + b".", [("5", 10, data.tobytes())]))
    assert found(tmp_path / "a.pth") == [
        Entry("a", Tensor(BY_NAME["f32"], (6,), data[4:].tobytes())),
        Entry("b", Tensor(BY_NAME["f32"], (4,), data[:4].tobytes())),
    ]


def test_a_part_that_reaches_outside_of_its_storage(tmp_path: Path) -> None:
    part = b"\x80\x02}U\x01a" + PART % (b"6", 5, 6, 6) + b"s."
    (tmp_path / "a.pth").write_bytes(by_hand(part, [("5", 10, bytes(40))]))
    with pytest.raises(ModelFileError, match="a part of a storage reaches outside of it"):
        read_quietly(tmp_path / "a.pth")


def storage(key: bytes, count: int, kind: bytes = b"FloatStorage") -> bytes:
    start = b"(X\x07\x00\x00\x00storagectorch\n" + kind + b"\nX\x01\x00\x00\x00" + key
    return start + b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"tQ"


def rebuilt(stored: bytes, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    shape = b"".join(b"(" + b"".join(map(number, values)) + b"t" for values in (sizes, strides))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + number(offset) + shape + b"\x89}tR"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_record_of_two_dtypes(order: str, method: int, tmp_path: Path) -> None:
    data = np.arange(4, dtype=f"{order}i4")
    a, b = (rebuilt(storage(b"0", 4, kind), 0, (4,), (1,)) for kind in (b"FloatStorage", b"IntStorage"))
    with zipfile.ZipFile(tmp_path / "a", "w", method) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}(X\x01\x00\x00\x00a" + a + b"X\x01\x00\x00\x00b" + b + b"u.")
        archive.writestr("a/byteorder", {"<": "little", ">": "big"}[order])
        archive.writestr("a/data/0", data.tobytes())
    little = data.astype("<i4").tobytes()
    assert found(tmp_path / "a") == [Entry(name, Tensor(BY_NAME[dtype], (4,), little)) for name, dtype in TWO.items()]


TWO = {"a": "f32", "b": "i32"}


def test_a_record_outside_of_the_archives_folder_is_none_of_its(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("data/0", bytes(12))
    assert found(tmp_path / "a") == expected(STATE)


def test_the_outermost_pickle_of_an_archive_is_meant(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("a/extra/data.pkl", pickle.dumps({"w": 1}))
    assert found(tmp_path / "a") == expected({"w": torch.ones(3)})


OLD_CLASSES = [
    ("ComplexHalf", "complex32", 4),
    ("Float8_e5m2", "float8_e5m2", 1),
    ("Float8_e4m3fn", "float8_e4m3fn", 1),
]
"""Names of storages that torch writes no more, with their dtypes and bytes of an element."""


@pytest.mark.parametrize(("cls", "dtype", "size"), OLD_CLASSES)
def test_a_storage_of_a_class_of_old(cls: str, dtype: str, size: int, tmp_path: Path) -> None:
    document = b"\x80\x02}X\x01\x00\x00\x00w" + rebuilt(storage(b"0", 4, f"{cls}Storage".encode()), 0, (4,), (1,))
    data = bytes(range(4 * size))
    (tmp_path / "a").write_bytes(by_hand(document + b"s.", [("0", 4, data)]))
    assert found(tmp_path / "a") == [Entry("w", Tensor(BY_TORCH[dtype], (4,), data))]


CLAIMS = [
    (rebuilt(storage(b"0", 4), 0, (5,), (1,)), "ends at byte 20 of its storage, which has 16"),
    (rebuilt(storage(b"0", 4), 1, (4,), (1,)), "ends at byte 20"),
    (rebuilt(storage(b"0", 4), 0, (2, 3), (3, 1)), "ends at byte 24"),
    (rebuilt(storage(b"0", 4), 0, (2**62, 2**62), (0, 1)), "of its storage, which has 16"),
    (rebuilt(storage(b"0", 4), -1, (4,), (1,)), "no numbers from 0 on"),
    (rebuilt(storage(b"0", 4), 0, (-4,), (1,)), "no numbers from 0 on"),
    (rebuilt(storage(b"0", 4), 0, (4,), (-1,)), "no numbers from 0 on"),
    (rebuilt(storage(b"0", 4), 0, (4,), (1, 1)), "no numbers from 0 on"),
    (rebuilt(storage(b"0", 5), 0, (4,), (1,)), "has 16 bytes, and 20 are expected|has 4 elements, and 5 are expected"),
    (rebuilt(storage(b"0", 3), 0, (3,), (1,)), "has 16 bytes, and 12 are expected|has 4 elements, and 3 are expected"),
    (rebuilt(storage(b"9", 4), 0, (4,), (1,)), "of a tensor is missing|no tensor has the storage"),
    (rebuilt(storage(b"0", -4), 0, (4,), (1,)), "no key or no number of elements"),
    (rebuilt(storage(b"0", 4, b"OddStorage"), 0, (4,), (1,)), "no storage of torch's"),
    (rebuilt(b"N", 0, (4,), (1,)), "a tensor has no storage"),
    (rebuilt(storage(b"0", 4).replace(b"ctorch", b"cother"), 0, (4,), (1,)), "no storage of torch's"),
    (
        rebuilt(storage(b"0", 4), 0, (4,), (1,)).replace(b"\x89}tR", b"\x89}}X\x04\x00\x00\x00conj\x88stR"),
        "a tensor of float32 is marked as conjugated",
    ),
]


def contained(value: bytes, data: bytes, container: str, path: Path) -> None:
    """Write a file whose state dict has one entry, by the opcodes of its value, and one storage."""
    document = b"\x80\x02}X\x01\x00\x00\x00w" + value + b"s."
    if container == "legacy":
        path.write_bytes(by_hand(document, [("0", len(data) // 4, data)]))
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", document)
        archive.writestr("a/data/0", data)


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize(("value", "said"), CLAIMS)
def test_a_claim_that_the_file_does_not_hold(value: bytes, said: str, container: str, tmp_path: Path) -> None:
    contained(value, bytes(16), container, tmp_path / "a")
    with pytest.raises(ModelFileError, match=said):
        read_quietly(tmp_path / "a")


NUMBERS = np.arange(4, dtype="<f4")
RIGHT = {
    "a GPU in old versions": (
        rebuilt(storage(b"0", 4).replace(b"torch\n", b"torch.cuda\n"), 0, (4,), (1,)),
        [0, 1, 2, 3],
    ),
    "any stride of a dim of 1": (rebuilt(storage(b"0", 4), 0, (2, 1, 2), (1, 1 << 62, 2)), [0, 2, 1, 3]),
}


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize("kind", RIGHT)
def test_what_other_writers_state(kind: str, container: str, tmp_path: Path) -> None:
    value, elements = RIGHT[kind]
    contained(value, NUMBERS.tobytes(), container, tmp_path / "a")
    (entry,) = found(tmp_path / "a")
    assert entry.tensor.data == NUMBERS[elements].tobytes()


def test_more_dims_than_numpy_has(tmp_path: Path) -> None:
    contained(rebuilt(storage(b"0", 4), 0, (2, 2, *[1] * 63), (1, 2, *[1] * 63)), bytes(16), "zip", tmp_path / "a")
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert "has 65 dims and is not contiguous" in odd.why


BOUNDS = {
    "_MOST_PACKED": "data.pkl has .* bytes and is compressed",
    "_MOST_UNPACKED": "many tensors share compressed records",
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_what_is_compressed_is_bounded(bound: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a")
    zipped_again(tmp_path / "a", lambda name, data: data, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(torch_zip, bound, -10_000)
    with pytest.raises(ModelFileError, match=BOUNDS[bound]):
        read_quietly(tmp_path / "a")


FOUR = rebuilt(storage(b"0", 4), 0, (4,), (1,))
LEGACY: list[tuple[bytes, list[tuple[str, int, bytes]], str]] = [
    (FOUR, [], "the elements of the storage 0 are missing"),
    (FOUR, [("0", 4, bytes(16)), ("0", 4, bytes(16))], "no tensor has the storage 0, or it comes twice"),
    (FOUR, [("0", 4, bytes(15))], "16 bytes of the storage 0 are expected, 15 are there"),
    (FOUR + rebuilt(storage(b"0", 4, b"IntStorage"), 0, (4,), (1,)) + b"\x86", [], "the storage 0 has two dtypes"),
    (FOUR + rebuilt(storage(b"0", 5), 0, (4,), (1,)) + b"\x86", [], "the storage 0 has two dtypes or sizes"),
]


@pytest.mark.parametrize(("value", "storages", "said"), LEGACY)
def test_storages_of_a_legacy_file_that_are_not_as_stated(
    value: bytes, storages: list[tuple[str, int, bytes]], said: str, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(by_hand(b"\x80\x02}X\x01\x00\x00\x00w" + value + b"s.", storages))
    with pytest.raises(ModelFileError, match=said):
        read_quietly(tmp_path / "a")


def test_the_pickles_of_a_legacy_file_share_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_legacy, "MOST_STEPS", 60)
    (tmp_path / "a").write_bytes(by_hand(b"\x80\x02" + b"N0" * 20 + b"}.", [(str(key), 0, b"") for key in range(20)]))
    with pytest.raises(PickleError, match="steps to read"):
        torch_legacy.read(opened(tmp_path / "a"))


def test_an_expanded_tensor_may_not_take_more_than_the_file_shows(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1).expand(1 << 30)}, tmp_path / "a")
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert "an expanded tensor: 4,294,967,296 bytes, of which the file has 4" in odd.why


def test_two_models_in_one_legacy_file(tmp_path: Path) -> None:
    legacy({"w": torch.ones(2)}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes((tmp_path / "a.pth").read_bytes() * 2)
    size = (tmp_path / "a.pth").stat().st_size
    with pytest.raises(ModelFileError, match=f"{size} bytes follow what torch.save wrote, another model perhaps"):
        read(tmp_path / "b.pth", "", print)


@pytest.mark.parametrize("name", ["quant_state", "quant_type", "SCB", "scale", "zero_point", "bnb_quantized"])
def test_a_parameter_whose_class_is_lost_with_what_unpacks_it(name: str, tmp_path: Path) -> None:
    """As bitsandbytes and diffusers' GGUF save modules: a subclass of Parameter becomes a Parameter with a state."""
    packed = torch.nn.Parameter(torch.ones(4, dtype=torch.uint8), requires_grad=False)
    setattr(packed, name, 2)
    torch.save({"w": packed, "b": torch.ones(2)}, tmp_path / "a.pth")
    (found,) = (each for each in read(tmp_path / "a.pth", "", print).contents if isinstance(each, Unfit))
    assert (found.name, f"a parameter with the attribute {name!r}" in found.why) == ("w", True)


def test_a_parameter_with_an_attribute_that_packs_nothing(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(4))
    weight.sequence_parallel = True  # pyright: ignore[reportAttributeAccessIssue]
    torch.save({"w": weight}, tmp_path / "a.pth")
    assert [type(each) for each in read(tmp_path / "a.pth", "", print).contents] == [Item]


@pytest.mark.parametrize("marked", [True, False])
def test_paddles_bfloat16(marked: bool, tmp_path: Path) -> None:
    """numpy has no bfloat16: Paddle keeps it as uint16, a type that it lacks, and marks its state dicts."""
    state: dict[str, Any] = {"w": np.arange(3, dtype=np.uint16)}
    (tmp_path / "a.pdparams").write_bytes(
        pickle.dumps(state | ({"StructuredToParameterName@@": {"w": "linear_0.w_0"}} if marked else {}))
    )
    (found,) = read(tmp_path / "a.pdparams", "", print).contents
    assert isinstance(found, Item)
    assert (found.dtype.name, bytes(found.read())) == ("bf16" if marked else "u16", state["w"].tobytes())


def test_a_lazy_layer_that_has_not_run(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.LazyLinear(3), nn.Linear(2, 2)).state_dict(), tmp_path / "a.pth")
    unfit = [each for each in read(tmp_path / "a.pth", "", print).contents if isinstance(each, Unfit)]
    assert [each.name for each in unfit] == ["0.weight", "0.bias"]
    assert all("a lazy layer, which has no values before" in each.why for each in unfit)


class Longer(np.ndarray):
    """An array with a field more in its state, as numpy's documentation has it."""

    def __reduce__(self) -> Any:
        how, args, state, *_ = super().__reduce__()  # pyright: ignore[reportUnknownVariableType, reportGeneralTypeIssues]
        return how, args, (*state, "info")  # pyright: ignore[reportUnknownVariableType]


def test_an_array_with_a_state_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"w": np.ones(3).view(Longer), "b": np.ones(2)}))
    (found,) = (each for each in read(tmp_path / "a.pkl", "", print).contents if isinstance(each, Unfit))
    assert (found.name, "an array of a class of its own, with 6 fields" in found.why) == ("w", True)


def test_many_views_of_a_few_elements_are_not_all_written(tmp_path: Path) -> None:
    """Each alone is small enough."""
    one = torch.ones(1)
    torch.save({f"w{number}": one.expand(1 << 25) for number in range(9)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=r"would take 1,207,959,552 bytes, and the file has .*clone\(\)"):
        read(tmp_path / "a.pth", "", print)
