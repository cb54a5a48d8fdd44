"""Which elements of two tensors differ: bits, and values within a tolerance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import ALL, random_entry
from tscompat.files.item import Item
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import Quantizer
from tscompat.verbs import pieces
from tscompat.verbs.diff import elements
from tscompat.verbs.diff.document import Values
from tscompat.verbs.diff.elements import Tolerance, differing
from verbs.items import item, item_of_bits

NAN, INF = math.nan, math.inf
F32 = BY_NAME["f32"]


def found(a: Item, b: Item, tolerance: Tolerance | None = None) -> Values:
    values = differing(a, b, tolerance)
    assert values
    return values


def test_equal_bits() -> None:
    bits = [0x7FC00001, 0x80000000, 1]
    assert differing(item_of_bits(bits, F32), item_of_bits(bits, F32), None) is None


def test_how_many_differ_and_which_is_the_first_and_which_the_largest() -> None:
    a = item(np.zeros((2, 3)))
    b = item([[0, 1e-45, 0], [0, 3e-45, 1e-45]])
    values = found(a, b)
    assert (values.differing, values.elements, values.first.index, values.largest.index) == (3, 6, (0, 1), (1, 1))


def test_what_an_element_is() -> None:
    first = found(item([1.0]), item_of_bits([0x3F800003], F32)).first
    assert (first.a_bits, first.b_bits, first.a, first.b, first.distance, first.difference) == (
        "0x3f800000",
        "0x3f800003",
        "1.0",
        "1.0000004",
        3,
        3 * 2**-23,
    )


def test_what_a_complex_element_is() -> None:
    first = found(item([[1, 2]], "c64"), item([[1, -2]], "c64")).first
    assert (first.a_bits, first.b, first.difference) == ("0x3f800000|0x40000000", "1.0|-2.0", 4.0)


@pytest.mark.parametrize("steps", [(3, 1), (1, 3)])
def test_the_distance_of_a_complex_element_is_the_larger_of_its_parts(steps: tuple[int, int]) -> None:
    c64 = BY_NAME["c64"]
    assert found(item_of_bits([0, 0], c64), item_of_bits(steps, c64)).first.distance == 3


def test_the_two_zeros_differ_by_nothing() -> None:
    values = found(item([1, 0.0]), item([1, -0.0]))
    assert (values.differing, values.largest.index, values.largest.distance) == (1, (1,), 0)


def test_what_becomes_nan_is_the_largest_difference() -> None:
    largest = found(item([1, 1, 1]), item([-1e38, NAN, 1])).largest
    assert (largest.index, largest.distance, largest.difference) == ((1,), None, None)


def test_an_equal_nan_is_no_difference() -> None:
    values = found(item([NAN, 1]), item([NAN, 2]))
    assert (values.differing, values.largest.index) == (1, (1,))


def test_another_payload_of_a_nan_is_a_difference() -> None:
    assert found(item_of_bits([0x7FC00000], F32), item_of_bits([0x7FC00001], F32)).differing == 1


def test_a_scalar_has_no_index() -> None:
    assert found(item(3, "i64"), item(5, "i64")).first.index == ()


def test_integers_of_64_bits() -> None:
    u64 = BY_TORCH["uint64"]
    first = found(item_of_bits([0], u64), item_of_bits([2**64 - 1], u64)).first
    assert (first.distance, first.a, first.b) == (2**64 - 1, "0", "18446744073709551615")


def test_the_largest_of_later_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "PIECE", 8)
    monkeypatch.setattr(pieces, "PIECE", 8)
    a = [0.0] * 7
    values = found(item(a), item([0, 1, 0, 0, 0, 7, 3]))
    assert (values.differing, values.first.index, values.largest.index) == (3, (1,), (5,))


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_every_dtype_as_a_loop_over_its_bytes_finds(dtype: DType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "PIECE", 64)
    _, tensor = random_entry("w", dtype, (7, 30))
    data = bytes(tensor.data)
    flips = bytearray(len(data))
    for place in np.random.default_rng(2).integers(0, len(data), 20):
        flips[place] = 1
    changed = bytes(a ^ b for a, b in zip(data, flips, strict=True))
    size = dtype.itemsize
    wrong = [at for at in range(210) if data[at * size :][:size] != changed[at * size :][:size]]
    a = Item("w", dtype, (7, 30), lambda: data, copies=False)
    values = found(a, a._replace(read=lambda: changed))
    assert (values.differing, values.first.index) == (len(wrong), divmod(wrong[0], 30))


# With a tolerance

CLOSE: list[tuple[Any, Any, float, float]] = [
    ([1.0], [1.001], 0.01, 0),
    ([1.0], [1.1], 0.01, 0),
    ([0.0], [1e-9], 0, 1e-8),
    ([0.0], [1e-9], 1, 0),
    ([1e-9], [0.0], 1, 0),
    ([NAN], [NAN], 0, 0),
    ([NAN], [1.0], 1, 1),
    ([INF], [INF], 0, 0),
    ([INF], [-INF], 1, 1),
    ([1.0], [INF], 1, 1),
    ([INF], [1.0], 1, 1),
    ([0.0], [-0.0], 0, 0),
]


@pytest.mark.parametrize(("a", "b", "rtol", "atol"), CLOSE)
def test_a_tolerance_by_hand_is_numpys(a: Any, b: Any, rtol: float, atol: float) -> None:
    equal = differing(item(a, "f64"), item(b, "f64"), Tolerance(rtol, atol)) is None
    assert equal == np.allclose(a, b, rtol, atol, equal_nan=True)


numbers = st.floats() | st.sampled_from([0.0, 1.0, 1.0000001, -1.0, NAN, INF, -INF])


@given(
    st.lists(st.tuples(numbers, numbers), min_size=1), st.sampled_from([0, 1e-7, 0.1]), st.sampled_from([0, 1e-8, 1])
)
def test_a_tolerance_is_numpys(pairs: list[tuple[float, float]], rtol: float, atol: float) -> None:
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    values = differing(item(a, "f64"), item(b, "f64"), Tolerance(rtol, atol))
    with np.errstate(all="ignore"):
        expected = np.flatnonzero(~np.isclose(a, b, rtol, atol, equal_nan=True))
    assert (values.differing if values else 0) == expected.size


def test_other_dtypes_are_numbers() -> None:
    tolerance = Tolerance(0.01, 0)
    pairs = [("f32", [1.2]), ("bf16", [1.2]), ("f64", [1.2]), ("f16", [1.2])]
    made = [item(values, dtype) for dtype, values in pairs]
    assert [differing(made[0], each, tolerance) for each in made] == [None] * 4


def test_other_dtypes_have_no_distance() -> None:
    largest = found(item([1, 2]), item([1, 3], "i8"), Tolerance(0, 0)).largest
    assert (largest.index, largest.distance, largest.difference, largest.b_bits) == ((1,), None, 1.0, "0x03")


def test_of_other_dtypes_each_side_has_the_bits_of_its_own() -> None:
    values = found(item([2]), item([3], "i8"), Tolerance(0, 0))
    assert (values.dtype, values.first.a_bits, values.first.b_bits) == ("float32", "0x40000000", "0x03")


def test_pieces_of_other_dtypes_have_as_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "PIECE", 8)
    a = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert found(item(a, "f64"), item([*a[:-1], 9], "u8"), Tolerance(0, 0)).first.index == (8,)


def test_quantized_elements_are_the_reals_that_they_stand_for() -> None:
    quantized = item([1, 5], "qi8")._replace(quantizer=Quantizer(0.5, 3))
    assert differing(quantized, item([-1.0, 1.0]), Tolerance(0, 0)) is None


def test_the_same_integers_of_two_quantizers_are_other_reals() -> None:
    one, other = (item([1, 5], "qi8")._replace(quantizer=Quantizer(scale, 3)) for scale in (0.5, 0.25))
    assert found(one, other, Tolerance(0, 0)).differing == 2


def test_complex_elements_are_as_far_as_their_absolute_difference() -> None:
    a, b = item([[0, 0]], "c64"), item([[3, 4]], "c64")
    assert [differing(a, b, Tolerance(0, atol)) is None for atol in (4.9, 5)] == [False, True]


def test_of_bool_every_byte_but_0_is_true() -> None:
    assert differing(item_of_bits([2], BY_NAME["bool"]), item([1.0]), Tolerance(0, 0)) is None


def test_with_a_tolerance_the_largest_has_the_largest_difference() -> None:
    values = found(item([0.0, 1000.0]), item([1e-3, 1001.0]), Tolerance(0, 0))
    assert (values.largest.index, values.largest.difference) == ((1,), 1.0)
