"""Numpy's objects in pickles, in forms that today's numpy does not write."""

from __future__ import annotations

import pytest

from tscompat.files.item import Item
from tscompat.files.pickled.arrays import Array, NumpyDType, build_array, build_dtype, dtype_of, from_bytes, scalar
from tscompat.files.pickled.calls import CALLS
from tscompat.files.pickled.described import Tensor, item
from tscompat.files.pickled.machine import PickleError


def elements(value: Tensor | None) -> bytes:
    assert value is not None
    found = item("", value)
    assert isinstance(found, Item)
    return bytes(found.read())


def test_a_state_without_a_version() -> None:
    array = Array()
    build_array(array, ((2,), NumpyDType("u1"), False, b"ab"))
    assert elements(array.tensor) == b"ab"


def test_bytes_of_python_2_as_text() -> None:
    assert elements(from_bytes("\xff\x80", NumpyDType("u1"), (2,), fortran=False)) == b"\xff\x80"


@pytest.mark.parametrize("size", [1, 3])
def test_more_or_fewer_bytes_than_elements(size: int) -> None:
    with pytest.raises(PickleError, match=f"an array of 2 bytes has {size}"):
        from_bytes(bytes(size), NumpyDType("u1"), (2,), fortran=False)


@pytest.mark.parametrize("axes", [(0, 0), (0, 2), (0,), "01"])
def test_axes_that_are_no_order(axes: object) -> None:
    made = (bytes(24), NumpyDType("f4"), (2, 3), "K", axes)
    with pytest.raises(PickleError, match="no order of its axes"):
        CALLS["numpy.core.numeric._frombuffer"](made, lambda steps: None)


@pytest.mark.parametrize(("text", "swapped"), [(">f4", True), ("<f4", False), ("=f4", False), ("f4", False)])
def test_the_order_in_the_name_of_a_dtype(text: str, swapped: bool) -> None:
    assert dtype_of((text, False, True)).swapped is swapped


@pytest.mark.parametrize(("order", "swapped"), [(">", True), (b">", True), ("<", False), (b"<", False)])
def test_the_order_in_the_state_of_a_dtype(order: str | bytes, swapped: bool) -> None:
    dtype = NumpyDType("f4")
    build_dtype(dtype, (3, order, None, None, None, -1, -1, 0))
    assert dtype.swapped is swapped


@pytest.mark.parametrize(("order", "value"), [("<", 1 << 24), (">", 1)])
def test_a_scalar_of_either_order(order: str, value: int) -> None:
    assert scalar((NumpyDType("i4", order), b"\0\0\0\1")) == value
