"""The identity pattern: bytes written by hand, and the tensor and index that an element came from."""

import pytest

from tscompat.values.dtypes import BY_NAME, DTYPES, DType
from tscompat.values.identity import identity, origins
from tscompat.values.tensors import Entry, tensor_of

FILLED = [dtype for dtype in DTYPES if dtype.name != "bool"]


def filled(*tensors: tuple[str, int]) -> list[Entry]:
    """A state dict of 1-d tensors, given dtype names and lengths."""
    return [
        Entry(f"t{number}", tensor_of(BY_NAME[name], (count,), identity(BY_NAME[name], number, count)))
        for number, (name, count) in enumerate(tensors)
    ]


@pytest.mark.parametrize(
    ("name", "number", "count", "expected"),
    [
        ("u8", 0, 3, "00 01 02"),
        ("u8", 3, 2, "c0 c1"),
        ("u8", 5, 66, "".join(f"{0x40 + index % 64:02x}" for index in range(66))),
        ("u8", 4, 66, "".join(f"{index % 64:02x}" for index in range(66))),
        ("bf16", 2, 2, "0020 0120"),
        ("f32", 2, 2, "00000002 01000002"),
        ("c32", 1, 1, "00000001"),
        ("f64", 2, 2, "00000002 00000002 01000002 01000002"),
        ("c128", 1, 1, "00000001 00000001 00000001 00000001"),
        ("i64", 257, 1, "00000001 00000001"),
        ("f32", 0, 0, ""),
    ],
)
def test_elements_are_as_written_out_by_hand(name: str, number: int, count: int, expected: str) -> None:
    assert identity(BY_NAME[name], number, count) == bytes.fromhex(expected)


def test_bool_has_none() -> None:
    with pytest.raises(ValueError, match=r"^bool has no identity pattern: only 0 and 1 are valid$"):
        identity(BY_NAME["bool"], 0, 1)


@pytest.mark.parametrize("dtype", FILLED, ids=lambda dtype: dtype.name)
def test_every_element_leads_back_to_its_place(dtype: DType) -> None:
    entries = filled(*[(dtype.name, 5)] * 4)
    size = dtype.itemsize
    for number, (_, tensor) in enumerate(entries):
        for index in range(5):
            element = bytes(tensor.data)[index * size : (index + 1) * size]
            assert origins(dtype, element, entries) == [(number, range(index, 5, 1 << _index_bits(size)))]


def _index_bits(itemsize: int) -> int:
    return {1: 6, 2: 12}.get(itemsize, 24)


def test_a_pattern_too_short_for_the_whole_place_leads_to_every_place_that_fits() -> None:
    entries = filled(("u8", 200), *[("u8", 1)] * 3, ("u8", 10))
    assert [(number, list(indices)) for number, indices in origins(BY_NAME["u8"], b"\x05", entries)] == [
        (0, [5, 69, 133, 197]),
        (4, [5]),
    ]


def test_tensors_of_the_same_element_size_are_looked_through_whatever_their_dtype() -> None:
    assert origins(BY_NAME["i32"], b"\x00\x00\x00\x01", filled(("i32", 1), ("f32", 1)))[0][0] == 1


@pytest.mark.parametrize(
    ("name", "element"),
    [
        pytest.param("f64", "03000000 03000000", id="index at the end"),
        pytest.param("f64", "09000000 09000000", id="index beyond the end"),
        pytest.param("f64", "00000007 00000007", id="number beyond the last"),
        pytest.param("f64", "00000000 01000000", id="halves that differ"),
        pytest.param("f32", "00000000", id="other element size"),
    ],
)
def test_what_is_no_element_leads_nowhere(name: str, element: str) -> None:
    assert origins(BY_NAME[name], bytes.fromhex(element), filled(("f64", 3), ("f64", 3))) == []
