"""The comparison: bytes of any buffer, and the description of what differs."""

from __future__ import annotations

import mmap
import random
from collections.abc import Callable, Collection
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

from tscompat.values.compare import VALUES, Difference, compare, difference, first, same_bytes, same_stream
from tscompat.values.dtypes import BY_NAME, DTYPES, DType
from tscompat.values.identity import identity
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of
from tscompat.values.verdict import PASS, FirstDifference, Kind, Verdict

U8, F32 = BY_NAME["u8"], BY_NAME["f32"]

SIZES = [1, 4096, 4097, 1 << 20]
"""Below and above the size from which memcmp is called."""


def scalars(*names: str) -> StateDict:
    return [Entry(name, tensor_of(U8, (), b"\x00")) for name in names]


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_same_bytes_is_equality_of_bytes(a: bytes, b: bytes) -> None:
    assert same_bytes(a, b) == (a == b)


@pytest.mark.parametrize("size", SIZES)
def test_same_bytes_sees_equal_ones_at_any_address(size: int) -> None:
    raw = random.Random(size).randbytes(size)
    assert all(same_bytes(raw, memoryview(b"." * shift + raw)[shift:]) for shift in range(9))


@pytest.mark.parametrize("size", SIZES)
def test_same_bytes_sees_a_difference_in_the_first_and_the_last_byte(size: int) -> None:
    raw = bytes(size)
    assert not any(same_bytes(raw, changed) for changed in (b"\x01" + raw[1:], raw[:-1] + b"\x01"))


@pytest.mark.parametrize("size", SIZES)
def test_same_bytes_sees_a_longer_one(size: int) -> None:
    assert not same_bytes(bytes(size), bytes(size + 1))


BUFFERS: dict[str, Callable[[bytes], Buffer]] = {
    "writable": bytearray,
    "array": lambda raw: np.frombuffer(raw, np.complex64).reshape(2, -1),
    "0-d": lambda raw: np.array(raw),
}


@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
@pytest.mark.parametrize("size", [16, 8192])
def test_same_bytes_takes_any_buffer(make: Callable[[bytes], Buffer], size: int) -> None:
    raw = b"\x01" * size
    assert (same_bytes(raw, make(raw)), same_bytes(make(raw), b"\x02" * size)) == (True, False)


def test_same_bytes_takes_a_mapped_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    with (tmp_path / "file").open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    assert same_bytes(mapped[1:], b"x" * 9_999)


@pytest.mark.parametrize("empty", [b"", memoryview(b""), np.zeros((0, 3), np.float32)], ids=lambda x: type(x).__name__)
def test_same_bytes_takes_an_empty_buffer(empty: Buffer) -> None:
    assert (same_bytes(empty, b""), same_bytes(empty, b"x")) == (True, False)


def test_equal_bits_are_no_difference_even_as_nans() -> None:
    nans = np.array([np.nan, -np.nan], "<f4")
    assert difference(tensor_of(F32, (2,), nans), tensor_of(F32, (2,), nans.tobytes())) is None


def test_zeros_of_other_signs_are_a_difference() -> None:
    assert difference(tensor_of(F32, (), np.float32(0.0)), tensor_of(F32, (), np.float32(-0.0))) is not None


@pytest.mark.parametrize(
    ("dtype", "shape", "expected", "actual", "detail"),
    [
        (
            "bf16",
            (4, 1),
            "803f 803f 803f c17f",
            "803f 803f 803f c07f",
            "element [3, 0] of 'w' (bf16): expected 0x7fc1 (nan), found 0x7fc0 (nan); 1 of 4 elements differ",
        ),
        ("u8", (), "ff", "00", "element [] of 'w' (u8): expected 0xff (255), found 0x00 (0); 1 of 1 elements differ"),
        (
            "i32",
            (2, 2),
            "00000000 ffffffff 00000000 01000000",
            "00000000 feffffff 00000000 02000000",
            "element [0, 1] of 'w' (i32): expected 0xffffffff (-1), found 0xfffffffe (-2); 2 of 4 elements differ",
        ),
        (
            "f32",
            (1,),
            "00000000",
            "00000080",
            "element [0] of 'w' (f32): expected 0x00000000 (0.0), found 0x80000000 (-0.0); 1 of 1 elements differ",
        ),
        (
            "bool",
            (1,),
            "01",
            "02",
            "element [0] of 'w' (bool): expected 0x01 (True), found 0x02 (True); 1 of 1 elements differ",
        ),
        (
            "c32",
            (1,),
            "003c 017e",
            "003c 0000",
            "element [0] of 'w' (c32): expected 0x3c00|0x7e01 (1.0|nan), found 0x3c00|0x0000 (1.0|0.0); "
            "1 of 1 elements differ",
        ),
    ],
)
def test_the_first_element_that_differs_is_described(
    dtype: str, shape: tuple[int, ...], expected: str, actual: str, detail: str
) -> None:
    one, other = (tensor_of(BY_NAME[dtype], shape, bytes.fromhex(data)) for data in (expected, actual))
    found = difference(one, other, "w")
    assert found is not None
    assert found[:2] == ("bits", detail)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_the_differing_elements_of_every_dtype_are_counted(dtype: DType) -> None:
    size = dtype.itemsize
    changed = bytearray(7 * size)
    for position in (2 * size, 6 * size - 1, 6 * size):  # in three elements the first or the last byte
        changed[position] = 1
    found = difference(tensor_of(dtype, (7,), bytes(7 * size)), tensor_of(dtype, (7,), changed))
    assert found is not None
    assert (found.detail.split(" (")[0], found.detail.split("; ")[1]) == ("element [2]", "3 of 7 elements differ")


@pytest.mark.parametrize("index", [0, 1_500_000])
def test_elements_are_counted_to_the_end_of_a_large_tensor(index: int) -> None:
    changed = bytearray(3 << 20)
    changed[index] = changed[-1] = 1
    found = difference(tensor_of(U8, (3 << 20,), bytes(3 << 20)), tensor_of(U8, (3 << 20,), changed))
    assert found is not None
    assert found.detail == f"element [{index}] (u8): expected 0x00 (0), found 0x01 (1); 2 of 3145728 elements differ"


def test_the_dtype_is_reported_before_the_shape() -> None:
    found = difference(tensor_of(U8, (4,), b"1234"), tensor_of(F32, (), b"1234"), "w")
    place = FirstDifference("w", "dtype", None, "u8", "f32")
    assert found == Difference("dtype", "dtype of 'w': expected u8, found f32", place)


def test_the_shape_is_reported_before_the_bits() -> None:
    found = difference(tensor_of(U8, (2, 1), b"12"), tensor_of(U8, (1, 2), b"34"), "w")
    place = FirstDifference("w", "shape", None, "[2, 1]", "[1, 2]")
    assert found == Difference("shape", "shape of 'w': expected [2, 1], found [1, 2]", place)


def test_refuses_a_tensor_whose_bytes_do_not_fit_its_shape() -> None:
    with pytest.raises(ValueError, match="needs 2 bytes; the data has 1"):
        difference(tensor_of(U8, (2,), b"12"), Tensor(U8, (2,), b"1"))


def test_equal_state_dicts_have_no_differences() -> None:
    assert compare(scalars("a", "b", "b"), scalars("a", "b", "b")) == []


@pytest.mark.parametrize(
    ("expected", "actual", "kind", "detail"),
    [
        ("ab", "a", "names", "missing 'b'"),
        ("a", "ba", "names", "unexpected 'b'"),
        ("ab", "aab", "names", "repeated 'a'"),
        ("aab", "ab", "names", "missing 'a'"),
        ("ab", "acca", "names", "missing 'b'; unexpected 'c'; repeated 'a'"),
        ("abcdefg", "g", "names", "missing 'a', 'b', 'c' and 3 more"),
        ("abcde", "e", "names", "missing 'a', 'b', 'c' and 1 more"),
        ("abcd", "d", "names", "missing 'a', 'b', 'c'"),
        ("abc", "acb", "order", "entry 1: expected 'b', found 'c'"),
        ("aba", "aab", "order", "entry 1: expected 'b', found 'a'"),
    ],
)
def test_names_and_their_order_are_compared(expected: str, actual: str, kind: str, detail: str) -> None:
    assert [found[:2] for found in compare(scalars(*expected), scalars(*actual))] == [(kind, detail)]


@pytest.mark.parametrize(
    ("expected", "actual", "detail"),
    [
        ("abc", "cxa", "entry 0: expected 'a', found 'c'"),
        ("abab", "axb", None),
        ("aab", "xbaa", "entry 0: expected 'a', found 'b'"),
        ("ab", "bxab", "entry 0: expected 'a', found 'b'"),
    ],
)
def test_the_order_of_the_entries_that_both_have_is_compared(expected: str, actual: str, detail: str | None) -> None:
    found = compare(scalars(*expected), scalars(*actual))
    assert [(each.kind, each.detail) for each in found[1:]] == ([("order", detail)] if detail else [])


def test_a_difference_of_names_counts_the_entries_that_both_have() -> None:
    assert [found.others for found in compare(scalars(*"aabc"), scalars(*"aabbx"))] == [3]


def test_a_long_name_is_shortened() -> None:
    (found,) = compare(scalars("x" * 20_000), [])
    assert len(found.detail) < 100


def test_tensors_are_compared_by_name_whatever_their_order() -> None:
    a, b, other = (tensor_of(U8, (), byte) for byte in (b"a", b"b", b"c"))
    found = compare([Entry("a", a), Entry("b", b)], [Entry("b", other), Entry("a", a)])
    assert [(kind, "'b'" in detail) for kind, detail, *_ in found] == [("order", True), ("bits", True)]


def test_tensors_of_one_name_are_compared_in_order() -> None:
    first, second = (tensor_of(U8, (), byte) for byte in (b"1", b"2"))
    assert compare([Entry("a", first), Entry("a", second)], [Entry("a", first), Entry("a", second)]) == []


def test_every_tensor_that_differs_is_reported() -> None:
    expected = [Entry("a", tensor_of(U8, (), b"1")), Entry("b", tensor_of(U8, (), b"2")), *scalars("c")]
    actual = [Entry("a", tensor_of(U8, (1,), b"1")), Entry("b", tensor_of(U8, (), b"3")), *scalars("d")]
    assert [found.kind for found in compare(expected, actual)] == ["names", "shape", "bits"]


def test_every_kind_of_difference_is_a_kind_of_verdict() -> None:
    assert set(get_args(get_type_hints(Difference)["kind"])) <= set(Kind)


def test_swapped_tensors_are_named_as_such() -> None:
    a, b = (tensor_of(F32, (2, 4), identity(F32, number, 8)) for number in range(2))
    expected = [Entry("a", a), Entry("b", b)]
    first, second = compare(expected, [Entry("a", b), Entry("b", a)], identity=True)
    assert first.detail.endswith("; what was found is element [0, 0] of tensor number 1 ('b')")
    assert second.detail.endswith("; what was found is element [0, 0] of tensor number 0 ('a')")


def test_a_transposed_tensor_is_named_as_such() -> None:
    filled = np.frombuffer(identity(F32, 0, 6), "<u4")
    entries = [Entry("a", tensor_of(F32, (2, 3), filled))]
    (found,) = compare(entries, [Entry("a", tensor_of(F32, (2, 3), filled.reshape(3, 2).T.copy()))], identity=True)
    assert found.detail.startswith("element [0, 1] of 'a' ")
    assert found.detail.endswith("; what was found is element [0, 2] of tensor number 0 ('a')")


def test_other_places_that_fit_are_counted() -> None:
    entries = [Entry("a", tensor_of(U8, (200,), identity(U8, 0, 200)))]
    (found,) = compare(entries, [Entry("a", tensor_of(U8, (200,), bytes([5]) * 200))], identity=True)
    assert found.detail.endswith("; what was found is element [5] of tensor number 0 ('a') or one of 3 others like it")


def test_no_place_is_looked_for_in_other_patterns() -> None:
    entries = [Entry("a", tensor_of(F32, (1,), identity(F32, 0, 1)))]
    (found,) = compare(entries, [Entry("a", tensor_of(F32, (1,), b"\xff" * 4))])
    assert found.detail.endswith("; 1 of 1 elements differ")


def test_what_is_no_element_is_reported_as_such() -> None:
    entries = [Entry("a", tensor_of(F32, (1,), identity(F32, 0, 1)))]
    (found,) = compare(entries, [Entry("a", tensor_of(F32, (1,), b"\xff" * 4))], identity=True)
    assert found.detail.endswith("; what was found is no element of these tensors")


def test_the_first_element_that_differs_is_given_as_data() -> None:
    found = difference(
        tensor_of(F32, (3,), np.array([1, 2, 3], "<f4")), tensor_of(F32, (3,), np.array([1, 2, 4], "<f4")), "w"
    )
    assert found is not None
    assert found.first == FirstDifference("w", "element", 8, "0x40400000 (3.0)", "0x40800000 (4.0)")


@pytest.mark.parametrize(
    ("expected", "actual", "place"),
    [
        ("ab", "ac", FirstDifference(None, "names", None, "b", "c")),
        ("ab", "a", FirstDifference(None, "names", None, "b", None)),
        ("a", "ab", FirstDifference(None, "names", None, None, "b")),
        ("ab", "ba", FirstDifference(None, "order", None, "a", "b")),
        ("\ud800", "", FirstDifference(None, "names", None, "\\ud800", None)),
    ],
)
def test_the_first_name_that_differs_is_given_as_data(expected: str, actual: str, place: FirstDifference) -> None:
    (found,) = compare(scalars(*expected), scalars(*actual))
    assert found.first == place


def test_the_first_difference_of_values_becomes_the_verdict() -> None:
    a, b = (tensor_of(U8, (), byte) for byte in (b"a", b"b"))
    found = compare([Entry("a", a), Entry("b", b)], [Entry("b", a), Entry("a", a)])
    assert first(found) == Verdict(Kind.BITS, found[1].detail, found[1].first)


def test_an_order_that_differs_is_no_difference_of_values() -> None:
    assert first(compare(scalars("a", "b"), scalars("b", "a"))) == PASS


NAMES_AND_ORDER = {Kind.NAMES, Kind.ORDER}


@pytest.mark.parametrize(
    ("actual", "kinds", "detail"),
    [
        ("ba", VALUES, "missing 'c'; the other 2 are equal"),
        ("ab", NAMES_AND_ORDER, "missing 'c'; the other 2 are in the expected order"),
        ("", VALUES, "missing 'a', 'b', 'c'; there are no others"),
        ("ab", VALUES - {Kind.BITS}, "missing 'c'"),
        ("ba", {Kind.NAMES}, "missing 'c'"),
    ],
)
def test_a_verdict_of_names_states_what_of_the_others_was_compared(
    actual: str, kinds: Collection[Kind], detail: str
) -> None:
    missing = FirstDifference(None, "names", None, "c" if actual else "a", None)
    verdict = first(compare(scalars(*"abc"), scalars(*actual)), kinds)
    assert verdict == Verdict(Kind.NAMES, detail, missing)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (tensor_of(U8, (), b"1"), Kind.BITS),
        (tensor_of(U8, (1,), b"\0"), Kind.SHAPE),
        (tensor_of(BY_NAME["bool"], (), b"\0"), Kind.DTYPE),
    ],
)
def test_a_difference_of_names_hides_no_other(changed: Tensor, kind: Kind) -> None:
    verdict = first(compare(scalars("a", "b", "c"), [*scalars("a"), Entry("b", changed)]))
    assert (verdict.kind, verdict.detail.endswith("; missing 'c'")) == (kind, True)
    assert verdict.difference is not None
    assert verdict.difference.entry == "b"


def test_a_difference_of_names_hides_no_order() -> None:
    verdict = first(compare(scalars("a", "b", "c"), scalars("b", "a")), NAMES_AND_ORDER)
    assert (verdict.kind, verdict.detail) == (Kind.ORDER, "entry 0: expected 'a', found 'b'; missing 'c'")


@pytest.mark.parametrize("found", [b"ab\xf0d", np.frombuffer(b"ab\xf0d", "<u2")], ids=["bytes", "array"])
def test_buffers_in_a_row_are_the_same_stream(found: Buffer) -> None:
    assert same_stream([b"ab", np.zeros((0, 3)), np.frombuffer(b"\xf0d", np.uint8)], found) is None


def test_no_buffers_are_the_same_stream_as_an_empty_one() -> None:
    assert same_stream([], np.zeros((0, 3))) is None


@pytest.mark.parametrize(
    ("found", "offset", "wanted", "byte", "what"),
    [
        (b"abXd", 2, "0xf0", "0x58", "found 0x58"),
        (b"\xffb\xf0d", 0, "0x61", "0xff", "found 0xff"),
        (b"ab\xf0", 3, "0x64", None, "the file ends there"),
        (b"", 0, "0x61", None, "the file ends there"),
    ],
)
def test_the_first_byte_of_a_stream_that_differs_is_described(
    found: bytes, offset: int, wanted: str, byte: str | None, what: str
) -> None:
    wrong = same_stream([b"ab", b"\xf0d"], found)
    place = FirstDifference(None, "byte", offset, wanted, byte)
    assert wrong == Difference("bytes", f"byte {offset}: expected {wanted}, {what}", place)


@pytest.mark.parametrize("at", [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 5])
def test_the_first_byte_is_found_in_a_long_chunk(at: int) -> None:
    whole = bytearray(3 << 20)
    whole[at] = whole[-1] = 1
    for found in (whole, whole[: at + 1]):
        wrong = same_stream([bytes(3 << 20)], found)
        assert wrong is not None
        assert wrong.first == FirstDifference(None, "byte", at, "0x00", "0x01")


def test_a_long_chunk_that_is_cut_ends_at_its_end() -> None:
    wrong = same_stream([bytes(3 << 20)], bytes((1 << 20) + 7))
    assert wrong is not None
    assert wrong.first == FirstDifference(None, "byte", (1 << 20) + 7, "0x00", None)


def test_bytes_after_the_end_of_a_stream_are_counted() -> None:
    assert same_stream([b"ab"], b"abcde") == Difference(
        "bytes", "3 bytes too many after byte 2", FirstDifference(None, "byte", 2, None, "0x63")
    )
