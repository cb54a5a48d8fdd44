"""Tensors: the number of elements of a shape, also of a hostile one; their numbers; one bit changed."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pytest

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor, as_float64, count_elements, flipped, tensor_of

U8 = BY_NAME["u8"]


class Unmultiplied(int):
    """A dim that must not be multiplied."""

    def __mul__(self, other: int) -> NoReturn:
        raise AssertionError("multiplied")

    __rmul__ = __mul__


@pytest.mark.parametrize(
    ("shape", "count"),
    [((), 1), ((3,), 3), ((2, 3, 4), 24), ((2, 0, 4), 0), ((2**62, 1, 1), 2**62), ((2**63 - 1,), 2**63 - 1)],
)
def test_counts_the_elements_of_a_shape(shape: tuple[int, ...], count: int) -> None:
    assert count_elements(shape) == count


def test_a_product_above_the_limit_is_not_computed_further() -> None:
    assert 2**63 <= count_elements((127,) * 10_000) < 2**70


def test_a_product_above_the_limit_is_above_it_wherever_it_stops() -> None:
    assert count_elements((2**63 - 1, 2)) > 2**63 - 1


def test_the_size_of_a_tensor_that_ends_at_zero_is_known_without_multiplying_its_dims() -> None:
    tensor = Tensor(U8, (Unmultiplied(127), 0), b"")
    assert (tensor.numel, tensor.nbytes) == (0, 0)


def test_bytes_that_do_not_fit_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^a f32 tensor of shape \[2, 1\] needs 8 bytes; the data has 4$"):
        tensor_of(BY_NAME["f32"], (2, 1), b"1234")


@pytest.mark.parametrize(
    ("name", "data", "numbers"),
    [
        ("bf16", bytes.fromhex("803f 00c0"), [1.0, -2.0]),
        ("c64", np.array([1.5, -2.0], "<f4"), [1.5, -2.0]),
        ("f64", np.array([0.1], "<f8"), [0.1]),
    ],
)
def test_elements_are_numbers_that_a_double_holds(name: str, data: bytes, numbers: list[float]) -> None:
    found = as_float64(Tensor(BY_NAME[name], (), data))
    assert (found.dtype, found.tolist()) == (np.float64, numbers)


def test_one_bit_of_the_first_tensor_is_flipped_and_nothing_else() -> None:
    entries = [Entry("a", Tensor(U8, (3,), b"\1\2\3")), Entry("b", Tensor(U8, (1,), b"\4"))]
    assert flipped(entries, 1) == [Entry("a", Tensor(U8, (3,), b"\1\3\3")), entries[1]]
    assert entries[0].tensor.data == b"\1\2\3"


@pytest.mark.parametrize("at", [1, -2])
def test_a_byte_that_is_not_there_cannot_be_flipped(at: int) -> None:
    with pytest.raises(IndexError):
        flipped([Entry("a", Tensor(U8, (1,), b"\1"))], at)
