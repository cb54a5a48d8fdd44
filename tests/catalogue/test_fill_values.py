"""What each fill makes: the values by meaning, and the bits pinned, because a published case must never change."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tscompat.catalogue import InputSpec, Model, TensorSpec, make, make_inputs
from tscompat.catalogue.digits import draw
from tscompat.catalogue.fills import special_values
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict

F32 = BY_NAME["f32"]


def spec(dtype: str, shape: tuple[int, ...], fill: str, name: str = "a") -> TensorSpec:
    return TensorSpec(name, BY_NAME[dtype], shape, fill, buffer=False)


def raw(entries: StateDict) -> bytes:
    return b"".join(bytes(memoryview(tensor.data).cast("B")) for _, tensor in entries)


def numbers(dtype: str, shape: tuple[int, ...], fill: str, name: str = "a") -> NDArray[np.float64]:
    """What a fill makes of one tensor, as numbers."""
    data = raw(make("key", [spec(dtype, shape, fill, name)]))
    return np.frombuffer(data, BY_NAME[dtype].scalar).astype(np.float64)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


PINNED = {
    "random": "e0fd6b3303ab0f75",
    "bytes": "021e3c7ed94a6709",
    "special": "bd07750b24940e71",
    "identity": "fa5aebcc881fefc3",
    "rows-alike": "10eb78bd57fd0638",
    "weights": "8b4e0af3eb39b434",
    "weights-1.5": "40ae43e541ede8ea",
    "moderate": "6097d7a9bf7fb80b",
    "steps": "bf7b608ffce54a3c",
}


@pytest.mark.parametrize("fill", PINNED)
def test_the_bits_of_a_fill_never_change(fill: str) -> None:
    dtypes = ("u8", "i64", "bf16", "f32", "f64")
    specs = [spec(dtype, (7, 5, 3), fill, dtype) for dtype in dtypes]
    after = spec("f32", (4,), "random")  # shows how many bits were drawn before
    assert digest(raw(make("key", [*specs, after]))) == PINNED[fill]


@pytest.mark.parametrize("dtype", ["u8", "bf16"])
def test_every_pattern_comes_in_order(dtype: str) -> None:
    count = 1 << BY_NAME[dtype].bits
    data = raw(make("key", [spec(dtype, (count,), "every")]))
    assert (np.frombuffer(data, f"<u{BY_NAME[dtype].itemsize}") == np.arange(count)).all()


@pytest.mark.parametrize(
    ("dtype", "patterns"),
    [
        ("bool", [0, 1]),
        ("u8", [0, 1, 0xFF, 0x80, 0x7F, 0x55, 0xAA]),
        ("i16", [0, 1, 0xFFFF, 0x8000, 0x7FFF, 0x5555, 0xAAAA]),
        (
            "f32",
            [
                each | sign
                for each in (
                    *(0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x3F800001, 0x7F7FFFFF, 0x7F800000),
                    *(0x7FC00000, 0x7FC00001, 0x7FFFFFFF, 0x7F800001, 0x7FBFFFFF),
                )
                for sign in (0, 1 << 31)
            ],
        ),
    ],
)
def test_special_values_are_extremes_and_what_is_easily_lost(dtype: str, patterns: list[int]) -> None:
    assert special_values(BY_NAME[dtype]).tolist() == patterns


def test_a_special_complex_number_is_every_pair() -> None:
    values = special_values(BY_NAME["c64"])
    found = np.frombuffer(raw(make("key", [spec("c64", (values.size**2 + 1,), "special")])), "<u4").reshape(-1, 2)
    assert [tuple(pair) for pair in found[:-1].tolist()] == [(one, two) for one in values for two in values]


def test_a_small_tensor_has_the_first_special_values() -> None:
    assert raw(make("key", [spec("u8", (3,), "special")])) == bytes([0, 1, 0xFF])


def test_every_bool_is_zero_and_one_in_turn() -> None:
    assert numbers("bool", (5,), "every").tolist() == [0, 1, 0, 1, 0]


# weights


@pytest.mark.parametrize(("fill", "gain"), [("weights", 1), ("weights-1.5", 1.5)])
@pytest.mark.parametrize(
    ("dtype", "shape", "fan_in"), [("f32", (64, 4, 3), 12), ("f64", (90, 9), 9), ("f32", (700, 1), 1)]
)
def test_a_matrix_is_scaled_by_its_fan_in(
    fill: str, gain: float, dtype: str, shape: tuple[int, ...], fan_in: int
) -> None:
    values = numbers(dtype, shape, fill)
    bound = gain * math.sqrt(3 / fan_in)
    assert 0.99 * bound < np.abs(values).max() <= bound
    assert abs(values.mean()) < bound / 10


def test_a_matrix_without_elements_in_a_row_has_a_fan_in_of_one() -> None:
    assert numbers("f32", (3, 0), "weights").size == 0


@pytest.mark.parametrize("name", ["norm.weight", "running_var"])
def test_weights_and_variances_of_one_dimension_are_about_one(name: str) -> None:
    values = numbers("f32", (512,), "weights", name)
    assert (0.5 <= values.min() < 0.51) & (1.49 < values.max() <= 1.5)


@pytest.mark.parametrize("name", ["bias", "running_mean"])
def test_any_other_vector_is_not_near_zero(name: str) -> None:
    values = numbers("f32", (512,), "weights", name)
    assert (0.3 <= np.abs(values).min() < 0.31) & (0.59 < np.abs(values).max() <= 0.6)
    assert set(np.sign(values)) == {-1.0, 1.0}


def test_counters_are_small_integers() -> None:
    assert set(numbers("i64", (512,), "weights").tolist()) == set(range(8))


def test_doubles_are_drawn_with_all_their_digits() -> None:
    values = numbers("f64", (3, 7), "weights")
    assert (values != values.astype(np.float32)).any()


# the others


def test_moderate_numbers_are_from_a_half_to_one() -> None:
    values = np.abs(numbers("f32", (2048,), "moderate"))
    assert sorted({*values.tolist()}) == [(128 + step) / 256 for step in range(128)]


def test_a_complex_number_has_two_moderate_parts() -> None:
    data = np.frombuffer(raw(make("key", [spec("c64", (64,), "moderate")])), np.float32)
    assert data.size == 128
    assert (np.abs(data) >= 0.5).all()


def test_steps_start_again_at_32() -> None:
    values = numbers("f32", (130,), "steps")
    assert values[126:].tolist() == [31.5, 31.75, 0, 0.25]


def test_a_complex_number_has_two_steps() -> None:
    data = np.frombuffer(raw(make("key", [spec("c64", (3,), "steps")])), np.float32)
    assert data.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25]


def test_a_tied_tensor_is_the_one_that_it_is_tied_to() -> None:
    entries = make("key", [spec("u8", (4,), "random"), TensorSpec("b", F32, (1,), "random", False, tied_to="a")])
    assert entries[0].tensor is entries[1].tensor
    assert [entry.name for entry in entries] == ["a", "b"]


def test_the_identity_pattern_has_the_tensors_number() -> None:
    assert numbers("f32", (2,), "identity").tolist() != raw(
        make("key", [spec("u8", (1,), "random"), spec("f32", (2,), "identity")])[1:]
    )


# inputs


def model(*inputs: InputSpec | tuple[InputSpec, ...], dtype: str = "f32") -> Model:
    return Model("arch", "a", BY_NAME[dtype], {}, "a", inputs)


def inputs(*specs: InputSpec | tuple[InputSpec, ...], dtype: str = "f32") -> list[NDArray[np.float64]]:
    made = make_inputs("key", model(*specs, dtype=dtype))
    assert [name for name, _ in made] == [str(number) for number in range(len(made))]
    return [np.frombuffer(tensor.data, tensor.dtype.scalar).astype(np.float64) for _, tensor in made]


def test_inputs_are_numbers_from_minus_two_to_two() -> None:
    (values,) = inputs(InputSpec((8, 1024)))
    assert (-2 <= values.min() < -1.99) & (1.99 < values.max() <= 2)


def test_inputs_of_a_unit_are_numbers_from_zero_to_one() -> None:
    (values,) = inputs(InputSpec((8, 1024), unit=True))
    assert (0 <= values.min() < 0.01) & (0.99 < values.max() <= 1)


def test_indices_are_all_integers_below_a_bound() -> None:
    made = make_inputs("key", model(InputSpec((512,), below=5)))
    assert made[0].tensor.dtype is BY_NAME["i64"]
    assert set(inputs(InputSpec((512,), below=5))[0].tolist()) == {0, 1, 2, 3, 4}


def test_inputs_may_be_given_one_by_one() -> None:
    made = make_inputs("key", model(InputSpec((3,), values=(7, -1, 7))))
    assert made[0].tensor.dtype is BY_NAME["i64"]
    assert inputs(InputSpec((3,), values=(7, -1, 7)))[0].tolist() == [7, -1, 7]


def test_a_pair_is_two_inputs_one_after_the_other() -> None:
    assert [values.size for values in inputs(InputSpec((1,)), (InputSpec((2,)), InputSpec((3,))))] == [1, 2, 3]


def test_digits_are_those_of_the_case() -> None:
    (values,) = inputs(InputSpec((2, 1, 28, 28), digits=True))
    assert (values == draw(2, "key/inputs")[0].reshape(-1)).all()


def test_the_inputs_of_a_case_never_change() -> None:
    specs = InputSpec((5,)), InputSpec((5,), unit=True), InputSpec((5,), below=9), (InputSpec((5,)), InputSpec((5,)))
    assert digest(raw(make_inputs("key", model(*specs, dtype="f64")))) == "bacf8a1f1fb1c164"


# digits


def test_digits_come_in_turn_as_images() -> None:
    images, labels = draw(12, "key")
    assert (images.shape, images.dtype, labels.dtype) == ((12, 1, 28, 28), np.float32, np.int64)
    assert labels.tolist() == [*range(10), 0, 1]


def test_a_digit_is_brighter_than_its_noise() -> None:
    images, _ = draw(50, "key")
    assert (images.min() >= 0) & (images.max() <= 1)
    assert not ((images > 0.2) & (images < 0.8)).any()


def test_the_images_never_change() -> None:
    images, _ = draw(30, "key")
    assert digest(images.tobytes()) == "dc249e9efd8a5c39"
