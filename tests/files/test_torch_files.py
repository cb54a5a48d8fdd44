"""What torch writes is read as torch reads it, in every container, protocol, layout and dtype; nothing of it is run."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import json
import pickle
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

from samples import ALL, random_entry, to_torch
from tscompat.files.item import Item, Model, ModelFileError, Unfit
from tscompat.files.kinds import read
from tscompat.files.pickled import torch_zip
from tscompat.files.pickled.torch_zip import root_of
from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import BY_NAME, DType
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


PARAMETER: Any = import_module("torch._utils").__dict__["_rebuild_parameter_with_state"]
NEGATED: Any = torch
"""Its function that sets the bit is private."""


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_negated_complex_tensor(kind: str, tmp_path: Path) -> None:
    state = {"w": NEGATED._neg_view(torch.ones(3) * (1 + 2j))}
    SAVES[kind](state, tmp_path / "a")
    assert found(tmp_path / "a") == expected(state)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_a_conjugated_tensor_without_a_storage_class_of_its_own(tmp_path: Path) -> None:
    (tensor,) = to_torch([random_entry("w", BY_NAME["c32"], (1,))]).values()
    torch.save({"w": tensor.conj()}, tmp_path / "a")
    (entry,) = found(tmp_path / "a")
    assert bytes(entry.tensor.data[3:]) == bytes([tensor.view(torch.uint8)[3] ^ 0x80])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype_of_a_big_endian_machine(dtype: DType, tmp_path: Path) -> None:
    """torch.load itself swaps no bytes of the dtypes without a storage class of their own: uint16, complex32."""
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


def test_tied_names_have_one_tie(tmp_path: Path) -> None:
    tensor = torch.ones(2, 3)
    torch.save({"a": tensor, "b": tensor, "c": tensor[:1], "d": tensor.clone()}, tmp_path / "a")
    ties = [each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)]
    assert (ties[0] == ties[1], len(set(ties))) == (True, 3)


WHOLE = torch.arange(9.0).reshape(3, 3) * (1 + 2j)
OVERLAPPING = {
    "conj": (WHOLE, WHOLE.conj()),
    "neg": (WHOLE.imag, WHOLE.conj().imag),
    "strides": (WHOLE, WHOLE.T),
    "offset": (WHOLE[:2], WHOLE[1:]),
}
"""Tensors of other values over one storage."""


@pytest.mark.parametrize("kind", OVERLAPPING)
def test_tensors_of_other_values_are_not_tied(kind: str, tmp_path: Path) -> None:
    torch.save(dict(zip("ab", OVERLAPPING[kind], strict=True)), tmp_path / "a")
    a, b = (each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item))
    assert a != b


def test_tensors_without_elements_are_not_tied(tmp_path: Path) -> None:
    torch.save({"a": WHOLE[:0], "b": WHOLE[:0]}, tmp_path / "a")
    assert [each.tie for each in read_quietly(tmp_path / "a").contents if isinstance(each, Item)] == [None, None]


@pytest.mark.parametrize("start", [0, 10])
@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_stored_tensor_has_its_place_in_the_file(kind: str, start: int, tmp_path: Path) -> None:
    SAVES[kind]({"a": torch.arange(1000)[start:]}, tmp_path / "a")
    (item,) = read_quietly(tmp_path / "a").contents
    assert isinstance(item, Item)
    data = (tmp_path / "a").read_bytes()
    assert data[item.offset :][: item.nbytes] == torch.arange(start, 1000).numpy().tobytes()


@pytest.mark.parametrize(
    ("kind", "tensor"),
    [("zip", WHOLE.conj()), ("zip", WHOLE.conj().imag), ("zip", WHOLE.T), ("legacy", WHOLE.T), ("plain", WHOLE)],
    ids=["conj", "neg", "strides", "strides-legacy", "plain"],
)
def test_a_tensor_that_is_not_stored_as_it_is_read_has_no_place(
    kind: str, tensor: torch.Tensor, tmp_path: Path
) -> None:
    SAVES[kind]({"a": tensor}, tmp_path / "a")
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


def test_what_was_not_run_is_named(tmp_path: Path) -> None:
    said: list[str] = []
    torch.save({"model": {"w": torch.ones(9)}, "args": argparse.Namespace()}, tmp_path / "a")
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


OLD_NAMES = {
    "numpy 1": (np.arange(6, dtype="f4"), b"numpy._core", b"numpy.core"),
    "torch_xla": (lambda: OfAnotherDevice(torch.float32), b"_rebuild_device_tensor_from_numpy", b"_rebuild_xla_tensor"),
}


@pytest.mark.parametrize("by", OLD_NAMES)
def test_names_of_old_versions(by: str, tmp_path: Path) -> None:
    value, new, old = OLD_NAMES[by]
    legacy({"w": value() if callable(value) else value}, tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes().replace(new, old))
    assert found(tmp_path / "a") == expected({"w": torch.arange(6, dtype=torch.float32)})


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "code", ["b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8", "c8", "c16"]
)
def test_arrays_of_every_dtype_in_pickles(code: str, order: str, tmp_path: Path) -> None:
    array = (np.arange(5) * 77).astype(order + code)
    plain({"a": array}, tmp_path / "a")
    assert found(tmp_path / "a") == expected({"a": torch.from_numpy(array.astype(code))})


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
    ({(1, 2): torch.ones(1)}, "a dict with tensors in it"),
    (torch.ones(2).untyped_storage(), "a storage, which has no sizes"),
    ({"inner": torch.ones(1)}, "a dict with tensors in it"),
    ((torch.ones(1), None), "a tuple with tensors in it"),
    (Settings({"w": torch.ones(1)}), "Settings, whose values only that class puts together"),
]


@pytest.mark.parametrize(("value", "why"), UNFIT, ids=[why for _, why in UNFIT])
def test_what_holds_tensors_in_another_form_is_named(value: object, why: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(9), "odd": value}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert (odd.name, why in odd.why) == ("odd", True)


@pytest.mark.filterwarnings("ignore")  # torch warns that these are in the making
@pytest.mark.parametrize("kind", ["sparse_csr", "nested"])
def test_a_tensor_of_several_parts_is_named(kind: str, tmp_path: Path) -> None:
    nested: Any = torch.nested
    value = torch.eye(2).to_sparse_csr() if kind == "sparse_csr" else nested.nested_tensor([torch.ones(1)])
    torch.save({"w": torch.ones(9), "odd": value}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd.why.startswith(f"a {kind} tensor: make it dense in Python")


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


def test_a_tensor_whose_key_is_a_number_is_named(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(9), 0: torch.ones(1)}, tmp_path / "a")
    (odd,) = (each for each in read_quietly(tmp_path / "a").contents if isinstance(each, Unfit))
    assert odd == Unfit("0", "a tensor whose key is not a name")


@pytest.mark.parametrize("kind", SAVES)
def test_what_the_file_states_about_itself(kind: str, tmp_path: Path) -> None:
    SAVES[kind](STATE, tmp_path / "a", 3)
    assert read_quietly(tmp_path / "a").about["pickle protocol"] == "3"


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


class Constant(Traced):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + torch.full((3,), 7.0).clone() + CONSTANT


CONSTANT = torch.arange(3.0)


@pytest.mark.filterwarnings("ignore")  # torch.jit is deprecated
@pytest.mark.parametrize("way", ["script", "trace"])
def test_torchscript_has_the_state_dict_of_its_module(way: str, tmp_path: Path) -> None:
    jit: Any = torch.jit
    module = Traced()
    made = jit.script(module) if way == "script" else jit.trace(module, torch.ones(1, 2))
    jit.save(made, tmp_path / "code.pt")
    assert sorted(found(tmp_path / "code.pt")) == sorted(expected(made.state_dict()))


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
    quantization: Any = import_module("torch.ao.quantization")
    jit: Any = torch.jit
    quantized = quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), {nn.Linear})
    jit.save(jit.script(quantized), tmp_path / "a.pt")
    odd = [each.why for each in read_quietly(tmp_path / "a.pt").contents if isinstance(each, Unfit)]
    assert [("packed" in why) for why in odd] == [True]


@pytest.mark.filterwarnings("ignore")
def test_constants_that_are_left_are_told(tmp_path: Path) -> None:
    jit: Any = torch.jit
    said: list[str] = []
    jit.save(jit.trace(Constant(), torch.ones(1, 2)), tmp_path / "a.pt")
    read(tmp_path / "a.pt", "", said.append)
    assert "left: the constants of the graph, 12 bytes" in said


@pytest.mark.filterwarnings("ignore")
def test_a_frozen_module_of_torchscript_is_refused(tmp_path: Path) -> None:
    jit: Any = torch.jit
    jit.save(jit.freeze(jit.script(Traced().eval())), tmp_path / "a.pt")
    with pytest.raises(ModelFileError, match=r"constants of the graph, .*: save the module before it is frozen"):
        read_quietly(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_module_of_which_most_is_frozen_is_refused(tmp_path: Path) -> None:
    jit: Any = torch.jit
    jit.save(jit.freeze(jit.script(Traced().eval()), preserved_attrs=["b"]), tmp_path / "a.pt")
    with pytest.raises(ModelFileError, match=r"constants of the graph, .*: save the module before it is frozen"):
        read_quietly(tmp_path / "a.pt")


def test_a_key_of_a_single_tensor_is_none(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "a")
    with pytest.raises(ModelFileError, match="at the key 'k', found nothing"):
        read_quietly(tmp_path / "a", "k")


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_has_its_state_dict(tmp_path: Path) -> None:
    module = Traced()
    torch.export.save(torch.export.export(module, (torch.ones(1, 2),)), tmp_path / "a.pt2")
    assert sorted(found(tmp_path / "a.pt2")) == sorted(expected(module.state_dict()))


def test_an_exported_program_of_torch_2_5(tmp_path: Path) -> None:
    state, file = {"w": torch.randn(2, 3)}, io.BytesIO()
    torch.save(state, file)
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr("version", "5.3")
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", file.getvalue())
    assert found(tmp_path / "a.pt2") == expected(state)


def exported(path: Path, weights: dict[str, dict[str, Any]], records: dict[str, bytes], order: str = "little") -> None:
    """Write an archive of torch.export, by what its weights are (torch/_export/serde/schema.py)."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/byteorder", order)
        archive.writestr("m/data/weights/model_weights_config.json", json.dumps({"config": weights}))
        for name, data in records.items():
            archive.writestr(f"m/data/weights/{name}", data)


def payload(record: str, code: int, sizes: list[int], strides: list[int], offset: int = 0) -> dict[str, Any]:
    numbers = {name: [{"as_int": each} for each in values] for name, values in (("sizes", sizes), ("strides", strides))}
    meta = {"dtype": code, **numbers, "storage_offset": {"as_int": offset}, "layout": 7}
    return {"path_name": record, "use_pickle": False, "tensor_meta": meta}


SCHEMA: Any = import_module("torch._export.serde.serialize")
CODES = {str(dtype).removeprefix("torch."): int(code) for dtype, code in SCHEMA._TORCH_TO_SERIALIZE_DTYPE.items()}


@pytest.mark.parametrize("dtype", [dtype for dtype in ALL if dtype.torch in CODES], ids=lambda dtype: dtype.name)
def test_every_dtype_of_an_exported_program(dtype: DType, tmp_path: Path) -> None:
    entry = random_entry("w", dtype)
    exported(tmp_path / "a", {"w": payload("0", CODES[dtype.torch], [3, 5], [5, 1])}, {"0": bytes(entry.tensor.data)})
    assert found(tmp_path / "a") == [entry._replace(tensor=entry.tensor._replace(data=bytes(entry.tensor.data)))]


@pytest.mark.parametrize("order", ["little", "big"])
def test_views_of_one_record_of_an_exported_program(order: str, tmp_path: Path) -> None:
    array = np.arange(6, dtype="<f4")
    weights = {
        "columns": payload("0", CODES["float32"], [2, 2], [1, 2], 2),
        "integers": payload("0", CODES["int32"], [6], [1]),
    }
    exported(tmp_path / "a", weights, {"0": array.astype("<f4" if order == "little" else ">f4").tobytes()}, order)
    assert [entry.tensor.data for entry in found(tmp_path / "a")] == [array[[2, 4, 3, 5]].tobytes(), array.tobytes()]


def test_a_sparse_tensor_of_an_exported_program_is_named(tmp_path: Path) -> None:
    sparse = payload("0", CODES["float32"], [1], [1])
    sparse["tensor_meta"]["layout"] = 1
    exported(tmp_path / "a", {"w": sparse}, {"0": bytes(4)})
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert odd.why == "a sparse tensor: make it dense in Python (to_dense())"


def test_several_exported_programs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name in "ab":
            archive.writestr(f"m/data/weights/{name}_weights_config.json", '{"config": {}}')
    with pytest.raises(ModelFileError, match=r"an archive of 2 exported programs \(a, b\)"):
        read_quietly(tmp_path / "a")


def test_a_pickled_weight_of_an_exported_program(tmp_path: Path) -> None:
    file, pickled = io.BytesIO(), payload("0", CODES["float32"], [1], [1]) | {"use_pickle": True}
    torch.save(torch.arange(3.0), file)
    exported(tmp_path / "a", {"w": pickled}, {"0": file.getvalue()})
    assert found(tmp_path / "a") == expected({"w": torch.arange(3.0)})


def test_the_place_of_a_tensor_of_torch_2_5(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"w": torch.arange(1000)}, file)
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr("serialized_state_dict.pt", file.getvalue())
    (item,) = read_quietly(tmp_path / "a.pt2").contents
    assert isinstance(item, Item)
    assert (tmp_path / "a.pt2").read_bytes()[item.offset :][: item.nbytes] == torch.arange(1000).numpy().tobytes()


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


def test_two_parts_of_a_storage(tmp_path: Path) -> None:
    def part(name: bytes, key: bytes, offset: int) -> bytes:
        view = b"(U\x01" + key + b"K" + bytes([offset]) + b"K\x03t"
        return b"U\x01" + name + rebuilt(storage(b"5", 10).replace(b"tQ", view + b"tQ"), 0, (3,), (1,)) + b"s"

    data = np.arange(10, dtype="<f4")
    document = b"\x80\x02}" + part(b"a", b"6", 1) + part(b"b", b"7", 5) + b"."
    (tmp_path / "a").write_bytes(by_hand(document, [("5", 10, data.tobytes())]))
    assert [entry.tensor.data for entry in found(tmp_path / "a")] == [data[1:4].tobytes(), data[5:8].tobytes()]


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


def storage(key: bytes, count: int, kind: bytes = b"FloatStorage") -> bytes:
    start = b"(X\x07\x00\x00\x00storagectorch\n" + kind + b"\nX\x01\x00\x00\x00" + key
    return start + b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"tQ"


def rebuilt(stored: bytes, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    shape = b"".join(b"(" + b"".join(map(number, values)) + b"t" for values in (sizes, strides))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + number(offset) + shape + b"\x89}tR"


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


LEGACY: dict[str, tuple[bytes, list[tuple[str, int, bytes]], str]] = {
    "elements missing": (rebuilt(storage(b"0", 4), 0, (4,), (1,)), [], "the elements of the storage 0 are missing"),
    "elements cut": (
        rebuilt(storage(b"0", 4), 0, (4,), (1,)),
        [("0", 4, bytes(12))],
        "incomplete: 16 bytes of the storage 0 are expected, 12 are there",
    ),
    "two dtypes": (
        b"(" + storage(b"0", 4) + storage(b"0", 4, b"IntStorage") + b"t",
        [("0", 4, bytes(16))],
        "the storage 0 has two dtypes or sizes",
    ),
    "two sizes": (
        b"(" + storage(b"0", 4) + storage(b"0", 3) + b"t",
        [("0", 4, bytes(16))],
        "the storage 0 has two dtypes or sizes",
    ),
    "part outside": (
        rebuilt(storage(b"0", 4).replace(b"tQ", b"(U\x011K\x02K\x03ttQ"), 0, (3,), (1,)),
        [("0", 4, bytes(16))],
        "a part of a storage reaches outside of it",
    ),
}


@pytest.mark.parametrize("kind", LEGACY)
def test_a_storage_that_a_legacy_file_does_not_hold(kind: str, tmp_path: Path) -> None:
    value, storages, said = LEGACY[kind]
    (tmp_path / "a").write_bytes(by_hand(b"\x80\x02}X\x01\x00\x00\x00w" + value + b"s.", storages))
    with pytest.raises(ModelFileError, match=said):
        read_quietly(tmp_path / "a")


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


def contained(value: bytes, data: bytes, container: str, path: Path, order: bytes = b"little") -> None:
    """Write a file whose state dict has one entry, by the opcodes of its value, and one storage."""
    document = b"\x80\x02}X\x01\x00\x00\x00w" + value + b"s."
    if container == "legacy":
        path.write_bytes(by_hand(document, [("0", len(data) // 4, data)]))
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", document)
        archive.writestr("a/byteorder", order)
        archive.writestr("a/data/0", data)


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize(("value", "said"), CLAIMS)
def test_a_claim_that_the_file_does_not_hold(value: bytes, said: str, container: str, tmp_path: Path) -> None:
    contained(value, bytes(16), container, tmp_path / "a")
    with pytest.raises(ModelFileError, match=said):
        read_quietly(tmp_path / "a")


FOUR = np.arange(4, dtype="<f4")
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
    contained(value, FOUR.tobytes(), container, tmp_path / "a")
    (entry,) = found(tmp_path / "a")
    assert entry.tensor.data == FOUR[elements].tobytes()


def test_more_dims_than_numpy_has(tmp_path: Path) -> None:
    contained(rebuilt(storage(b"0", 4), 0, (2, 2, *[1] * 63), (1, 2, *[1] * 63)), bytes(16), "zip", tmp_path / "a")
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert "has 65 dims and is not contiguous" in odd.why


@pytest.mark.parametrize("order", ["little", "big"])
def test_one_record_of_two_dtypes(order: str, tmp_path: Path) -> None:
    state = {"w": np.arange(4, dtype="f4"), "v": np.arange(4, dtype="f4").view("i4")}
    value = rebuilt(storage(b"0", 4), 0, (4,), (1,)) + b"sX\x01\x00\x00\x00v"
    value += rebuilt(storage(b"0", 4, b"IntStorage"), 0, (4,), (1,))
    contained(
        value, FOUR.astype("<f4" if order == "little" else ">f4").tobytes(), "zip", tmp_path / "a", order.encode()
    )
    assert found(tmp_path / "a") == expected({name: torch.from_numpy(array) for name, array in state.items()})


def test_a_record_outside_of_the_archives_folder_is_none_of_its(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("data/0", bytes(12))
    assert found(tmp_path / "a") == expected(STATE)


def test_of_two_pickles_the_outer_one_is_the_archives() -> None:
    assert root_of(["m/extra/data.pkl", "m/data.pkl"]) == "m/"


def test_an_expanded_tensor_may_not_take_more_than_the_file_shows(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1).expand(1 << 30)}, tmp_path / "a")
    (odd,) = read_quietly(tmp_path / "a").contents
    assert isinstance(odd, Unfit)
    assert "an expanded tensor: 4,294,967,296 bytes, of which the file has 4" in odd.why
