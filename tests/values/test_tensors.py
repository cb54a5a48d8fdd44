"""The number of elements of a shape, also of a hostile one."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Tensor, count_elements

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


def test_the_size_of_a_tensor_that_ends_at_zero_is_known_without_multiplying_its_dims() -> None:
    tensor = Tensor(U8, (Unmultiplied(127), 0), b"")
    assert (tensor.numel, tensor.nbytes) == (0, 0)
