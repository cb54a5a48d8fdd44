"""The bits of cases: pinned, complete, and different where they must be."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from subjects import subject, tensors
from tscompat.catalogue import Model
from tscompat.catalogue.bits import RandomBits
from tscompat.catalogue.case import InputSpec, TensorSpec
from tscompat.catalogue.fills import make, make_batches, special_values
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Tensor


def data(tensor: Tensor) -> bytes:
    return bytes(memoryview(tensor.data))


@pytest.mark.parametrize(
    ("case_id", "digest"),
    [
        ("pattern/random/bf16", "0173050982178a21"),
        ("pattern/special/c64", "874e54e613152464"),
        ("pattern/identity/i32", "24349b4069694ef4"),
        ("layout/source/expanded/f64", "fe156cd72f5b1104"),
        ("count/20000/f32", "878eb6356338df27"),
    ],
)
def test_the_bits_are_the_same_on_every_machine(case_id: str, digest: str) -> None:
    found = hashlib.sha256(b"".join(data(tensor) for _, tensor in tensors(case_id))).hexdigest()
    assert found[:16] == digest


def test_the_stream_does_not_depend_on_how_it_is_taken() -> None:
    whole, parts = RandomBits("key"), RandomBits("key")
    assert whole.take(100_000).tobytes() == b"".join(parts.take(size).tobytes() for size in (1, 65_536, 34_463))


def test_two_keys_give_two_streams() -> None:
    assert RandomBits("a").take(64).tobytes() != RandomBits("b").take(64).tobytes()


@pytest.mark.parametrize("case_id", ["pattern/all/u8", "pattern/all/qi8", "pattern/all-16/bf16", "pattern/all-16/f16"])
def test_every_pattern_is_there_once(case_id: str) -> None:
    ((_, tensor),) = tensors(case_id)
    patterns = np.frombuffer(data(tensor), f"<u{tensor.dtype.itemsize}")
    assert np.unique(patterns).size == patterns.size == 1 << tensor.dtype.bits


@pytest.mark.parametrize("name", ["f16", "bf16", "f32", "f64"])
def test_special_values_hold_zeros_infinities_and_nans(name: str) -> None:
    dtype = BY_NAME[name]
    with np.errstate(invalid="ignore"):  # signalling NaNs among them
        values = special_values(dtype).view(dtype.scalar).astype(np.float64)
    assert {
        "zeros": int((values == 0).sum()),
        "infinities": int(np.isinf(values).sum()),
        "nans": int(np.isnan(values).sum()),
    } == {"zeros": 2, "infinities": 2, "nans": 10}


def test_a_bool_is_zero_or_one() -> None:
    ((_, tensor),) = tensors("pattern/random/bool")
    assert set(data(tensor)) == {0, 1}


def test_rows_alike_are_alike() -> None:
    ((_, tensor),) = tensors("layout/source/expanded/f64")
    assert len(set(map(bytes, np.frombuffer(data(tensor), np.uint8).reshape(tensor.shape[0], -1)))) == 1


def test_any_bytes_are_every_byte_in_turn_also_in_a_bool() -> None:
    spec = TensorSpec("a", BY_NAME["bool"], (257,), "bytes", False)
    assert data(make("key", [spec])[0].tensor) == bytes([*range(256), 0])


def test_steps_are_quarters_and_an_integer_has_them_rounded_down() -> None:
    floats, integers = (TensorSpec("a", BY_NAME[name], (6,), "steps", False) for name in ("f32", "i8"))
    assert np.frombuffer(data(make("key", [floats])[0].tensor), np.float32).tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25]
    assert data(make("key", [integers])[0].tensor) == bytes([0, 0, 0, 0, 1, 1])


def test_each_step_of_a_training_has_numbers_of_its_own() -> None:
    model = subject("training/lstm-classifier/f32", Model)
    assert model.training is not None
    batches = make_batches("key", model, model.training)
    assert [name for name, _ in batches[:3]] == ["input.0.0", "target.0.0", "input.1.0"]
    assert len({data(tensor) for _, tensor in batches}) == len(batches) == 2 * model.training.steps


def test_a_target_of_a_training_has_its_own_dtype_and_shape() -> None:
    model = subject("training/lstm-classifier/f32", Model)
    assert model.training is not None
    ((_, given), (_, target)) = make_batches("key", model, model.training)[:2]
    wanted = model.training.target
    assert isinstance(wanted, InputSpec)
    assert given.shape != target.shape == wanted.shape
