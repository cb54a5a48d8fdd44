"""LEB128: pinned encodings at the edges of every length, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.codec import FormatError
from tscompat.codec.leb128 import MAX, decode, encode

PINNED = {
    0: "00",
    1: "01",
    127: "7f",
    128: "80 01",
    300: "ac 02",
    16383: "ff 7f",
    16384: "80 80 01",
    2097151: "ff ff 7f",
    2097152: "80 80 80 01",
    2**62: "80 80 80 80 80 80 80 80 40",
    MAX: "ff ff ff ff ff ff ff ff 7f",
}


@pytest.mark.parametrize(("value", "encoded"), PINNED.items())
def test_encodes_as_written_out_by_hand(value: int, encoded: str) -> None:
    assert encode(value) == bytes.fromhex(encoded)


@pytest.mark.parametrize(("value", "encoded"), PINNED.items())
def test_decodes_what_was_written_out_by_hand(value: int, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    assert decode(memoryview(raw), 0, "it") == (value, len(raw))


@given(st.integers(0, MAX), st.binary(max_size=12), st.binary(max_size=12))
def test_what_is_encoded_is_decoded_between_any_bytes(value: int, before: bytes, after: bytes) -> None:
    end = len(before) + len(encode(value))
    assert decode(memoryview(before + encode(value) + after), len(before), "it") == (value, end)


@pytest.mark.parametrize("value", [-1, MAX + 1])
def test_refuses_to_encode_what_an_int64_cannot_hold(value: int) -> None:
    with pytest.raises(ValueError, match=f"not {value}"):
        encode(value)


@pytest.mark.parametrize(
    ("encoded", "clause", "found"),
    [
        ("80 00", "leb128.canonical", "80 00"),
        ("ff 00", "leb128.canonical", "ff 00"),
        ("80 81 80 00", "leb128.canonical", "80 81 80 00"),
        ("ff ff ff ff ff ff ff ff ff 01", "leb128.range", "a number of more than 9 bytes"),
        ("ff ff ff ff ff ff ff ff ff", "leb128.range", "a number of more than 9 bytes"),
        ("80 80 80 80 80 80 80 80 80 00", "leb128.range", "a number of more than 9 bytes"),
        ("", "file.truncated", "0 bytes of it, then the end"),
        ("80", "file.truncated", "1 bytes of it, then the end"),
        ("ff ff ff ff ff ff ff ff", "file.truncated", "8 bytes of it, then the end"),
    ],
)
def test_refuses(encoded: str, clause: str, found: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode(memoryview(b"..." + bytes.fromhex(encoded)), 3, "a dim")
    assert (caught.value.clause, caught.value.offset, caught.value.found) == (clause, 3, found)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        ("80 00 07", "expected a dim as 00, the shortest LEB128, found 80 00 (leb128.canonical)"),
        ("80" * 10, "expected a dim up to 2^63-1 in LEB128, found a number of more than 9 bytes (leb128.range)"),
    ],
)
def test_the_message_states_what_was_expected_and_what_was_found(encoded: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode(memoryview(bytes.fromhex(encoded)), 0, "a dim")
    assert str(caught.value) == f"byte 0: {message}"


def test_reads_an_over_long_number_when_the_report_returns() -> None:
    problems: list[FormatError] = []
    assert decode(memoryview(b"\x81\x80\x00"), 0, "a dim", problems.append) == (1, 3)
    assert [problem.expected for problem in problems] == ["a dim as 01, the shortest LEB128"]
