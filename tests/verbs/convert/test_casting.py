"""Casts round to the nearest value, to the even one of two as near; what is too large is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from samples import ALL, READ, convert
from tscompat.dotnet_side.cache import Publish
from tscompat.files.item import Item, ModelFileError
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import Tensor, as_float64
from tscompat.values.verdict import Kind
from tscompat.verbs.convert import prepare
from tscompat.verbs.convert.casting import Cast, floating
from verbs.items import item

NARROW = [dtype for dtype in ALL if dtype.kind == "float" and dtype.itemsize <= 2 and dtype.torch != "float8_e8m0fnu"]
F64 = BY_NAME["f64"]


def cast(values: object, source: DType, target: DType) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The values after a cast, as float64."""
    data = np.asarray(values, source.scalar)
    made = Cast(target)(Item("w", source, data.shape, lambda: data, copies=False))
    return as_float64(Tensor(target, made.shape, made.read()))


@pytest.mark.parametrize("target", NARROW, ids=lambda dtype: dtype.name)
def test_float64_rounds_once_around_every_middle(target: DType) -> None:
    codes = np.arange(1 << target.bits).astype(f"<u{target.itemsize}")
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        values = codes.view(target.scalar).astype(np.float64)
    known = np.isfinite(values) & ~(np.signbit(values) & (values == 0))
    order = np.argsort(values[known])
    values, codes = values[known][order], codes[known][order]
    middles = (values[1:] + values[:-1]) / 2
    even = np.where(codes[1:] % 2 == 0, values[1:], values[:-1])
    for tried, expected in (
        (np.nextafter(middles, np.inf), values[1:]),
        (np.nextafter(middles, -np.inf), values[:-1]),
        (middles, even),
    ):
        assert np.array_equal(cast(tried, F64, target), expected)


@pytest.mark.parametrize("target", ["float16", "bfloat16"])
def test_float32_is_cast_as_torch_does(target: str) -> None:
    data = np.random.default_rng(0).integers(0, 2**32, 10_000, np.uint32).view(np.float32)
    data = data[~np.isnan(data)]
    expected = torch.tensor(data.tolist()).to(getattr(torch, target)).to(torch.float64).numpy()
    assert np.array_equal(cast(data, BY_NAME["f32"], BY_TORCH[target]), expected)


def test_a_wider_type_keeps_every_value() -> None:
    values = [1.5, -0.0, np.inf, 2**-133]
    assert cast(values, BY_NAME["bf16"], F64).tolist() == values


def test_what_is_not_finite_stays_so() -> None:
    found = cast([np.nan, np.inf, -np.inf], F64, BY_NAME["bf16"])
    assert (np.isnan(found[0]), found[1], found[2]) == (True, np.inf, -np.inf)


@pytest.mark.parametrize(("target", "count"), [("float16", 2), ("float32", 1), ("bfloat16", 1), ("float8_e4m3fn", 4)])
def test_what_is_too_large_is_counted(target: str, count: int) -> None:
    made = Cast(BY_TORCH[target])
    values = item([1e300, -1e5, 500, np.inf, np.nan, 1], "f64")
    for _ in range(2):  # a second reading counts nothing twice
        made(values).read()
    assert made.overflowed == {"w": count}


@pytest.mark.parametrize("dtype", ["i64", "bool", "qi8"])
def test_other_kinds_stay(dtype: str) -> None:
    whole = item([1], dtype)
    assert Cast(BY_NAME["f16"])(whole) is whole


def test_complex_elements_stay() -> None:
    whole = item([[1, 2]], "c64")
    assert Cast(BY_NAME["f16"])(whole) is whole


def test_the_type_itself_stays_bit_for_bit() -> None:
    whole = item([1])
    assert Cast(BY_NAME["f32"])(whole) is whole


@pytest.mark.parametrize("name", ["bf16", "bfloat16", "torch.bfloat16"])
def test_names_of_a_type(name: str) -> None:
    assert floating(name) is BY_NAME["bf16"]


@pytest.mark.parametrize("name", ["int64", "c64", "float8_e8m0fnu", "half", "", "bool"])
def test_no_floating_type(name: str) -> None:
    with pytest.raises(ModelFileError, match=f"--dtype {name}: expected a floating type, one of float16, float32"):
        floating(name)


# In a conversion


@pytest.fixture
def source(tmp_path: Path) -> Path:
    state = {"w": torch.tensor([1.2, 1e5]), "h": torch.ones(2, dtype=torch.float16), "n": torch.tensor(7)}
    torch.save(state, tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.mark.parametrize("target", [".dat", ".safetensors", ".pth"])
def test_floating_tensors_are_cast_and_others_stay(target: str, source: Path, tmp_path: Path) -> None:
    said = convert(source, tmp_path / f"b{target}", dtype="f16")
    found = {name: (tensor.dtype.name, bytes(tensor.data)) for name, tensor in READ[target](tmp_path / f"b{target}")}
    assert (said, found) == (
        [
            "--dtype: the values of 1 tensor are rounded to the nearest float16, so the target has other bits; "
            "2 stay as they are"
        ],
        {
            "w": ("f16", np.array([1.2, np.inf], np.float16).tobytes()),
            "h": ("f16", np.ones(2, np.float16).tobytes()),
            "n": ("i64", (7).to_bytes(8, "little")),
        },
    )


def test_tied_tensors_that_are_cast_stay_tied_in_a_pickle(tmp_path: Path) -> None:
    shared = torch.tensor([1.2, -3.4])
    torch.save({"a": shared, "b": shared}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.pth", dtype="bf16")
    found = torch.load(tmp_path / "b.pth", weights_only=True)
    addresses = [found[name].data_ptr() for name in "ab"]
    assert (addresses[0] == addresses[1], torch.equal(found["b"], shared.to(torch.bfloat16))) == (True, True)


def test_a_conversion_counts_what_was_too_large(source: Path, tmp_path: Path) -> None:
    conversion = prepare(source, tmp_path / "b.dat", dtype="f16", tell=print)
    conversion.write(lambda written: None)
    assert conversion.overflowed == {"w": 1}


def test_a_type_that_the_target_does_not_hold(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="'w': float8_e5m2 has no code"):
        prepare(source, tmp_path / "b.dat", dtype="float8_e5m2", tell=print)


def test_a_type_that_the_target_does_not_hold_is_cast_away(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2).to(torch.float8_e5m2)}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.dat", dtype="f32")
    assert [tensor.dtype.name for _, tensor in READ[".dat"](tmp_path / "b.dat")] == ["f32"]


def test_torchsharp_loads_the_cast_bits(source: Path, tmp_path: Path, publish: Publish) -> None:
    conversion = prepare(source, tmp_path / "b.dat", dtype="bf16", tell=print)
    conversion.write(lambda written: None)
    assert conversion.verify(print).kind is Kind.PASS


def test_values_of_several_pieces_are_all_cast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tscompat.verbs.convert.casting.PIECE", 16)
    made = Cast(floating("float64"))(item([1, 2, 3, 4, 5]))
    assert np.frombuffer(made.read(), np.float64).tolist() == [1, 2, 3, 4, 5]
