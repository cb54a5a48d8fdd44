"""The reader: round trips, bytes written by hand, each refusal with its offset, what a lenient reader accepts."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

from drawn import state_dicts, tensors
from tscompat.codec import (
    FormatError,
    IndexEntry,
    Problems,
    decode_state_dict,
    decode_tensor,
    encode_state_dict,
    encode_tensor,
    index_state_dict,
    read_state_dict,
    read_tensor,
)
from tscompat.codec.leb128 import encode
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_CODE, BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of

U8, F32 = BY_NAME["u8"], BY_NAME["f32"]


def written(entries: StateDict) -> bytes:
    return b"".join(encode_state_dict(entries))


def owned(entries: StateDict) -> StateDict:
    """The same entries with bytes, which can be compared."""
    return [Entry(name, Tensor(dtype, shape, bytes(data))) for name, (dtype, shape, data) in entries]


def is_canonical_or_refused(raw: bytes | bytearray) -> bool:
    """Whether the bytes are canonical, or refused with an offset inside them. Other errors are raised."""
    try:
        return written(decode_state_dict(raw)) == raw
    except FormatError as error:
        return 0 <= error.offset <= len(raw)


@given(state_dicts)
def test_a_state_dict_makes_the_round_trip(entries: StateDict) -> None:
    assert owned(decode_state_dict(written(entries))) == entries


@given(tensors())
def test_a_tensor_makes_the_round_trip(tensor: Tensor) -> None:
    dtype, shape, data = decode_tensor(b"".join(encode_tensor(tensor)))
    assert Tensor(dtype, shape, bytes(data)) == tensor


@given(state_dicts)
def test_a_lenient_reader_finds_nothing_in_a_canonical_file(entries: StateDict) -> None:
    problems = Problems()
    assert owned(decode_state_dict(written(entries), problems=problems)) == entries
    assert problems.kept == []


@given(state_dicts.filter(bool), st.data())
def test_every_truncation_is_refused(entries: StateDict, data: st.DataObject) -> None:
    raw = written(entries)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(FormatError):
        decode_state_dict(raw[:cut])


@given(state_dicts.filter(bool), st.data())
def test_a_lenient_reader_returns_what_comes_before_a_truncation(entries: StateDict, data: st.DataObject) -> None:
    raw = written(entries)
    problems = Problems()
    found = owned(decode_state_dict(raw[: data.draw(st.integers(0, len(raw) - 1))], problems=problems))
    assert (found, len(problems.kept)) == (entries[: len(found)], 1)


@given(st.binary(max_size=60))
def test_random_bytes_raise_nothing_but_format_errors(raw: bytes) -> None:
    assert is_canonical_or_refused(raw)


@given(state_dicts, st.data())
def test_one_changed_byte_is_refused_or_is_another_state_dict(entries: StateDict, data: st.DataObject) -> None:
    raw = bytearray(written(entries))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assert is_canonical_or_refused(raw)


@given(st.binary(max_size=60))
def test_a_lenient_reader_never_raises(raw: bytes) -> None:
    problems = Problems()
    decode_state_dict(raw, problems=problems)
    assert all(0 <= problem.offset <= len(raw) for problem in problems.kept)


def test_reads_the_bytes_written_out_by_hand() -> None:
    raw = bytes.fromhex("02 01 61 06 02 02 01 0000803f 000000c0 00 0b 00 01")
    assert owned(decode_state_dict(raw)) == [
        Entry("a", Tensor(F32, (2, 1), np.array([1, -2], "<f4").tobytes())),
        Entry("", Tensor(BY_NAME["bool"], (), b"\x01")),
    ]


REFUSED = {
    "empty file": ("", 0, "file.truncated"),
    "entries missing": ("02 01 61 00 00 07", 6, "file.truncated"),
    "name cut off": ("01 05 61 62", 2, "file.truncated"),
    "name longer than any file": ("01 ffffffffffffffff7f 61", 10, "file.truncated"),
    "dims cut off": ("01 01 61 06 02 80 80", 5, "file.truncated"),
    "name not in UTF-8": ("01 03 61 62 ff 00 00 07", 4, "name.utf8"),
    "surrogate in a name": ("01 03 eda080 00 00 07", 2, "name.utf8"),
    "name twice": ("02 01 61 00 00 07 01 61 00 00 07", 6, "entry.duplicate"),
    "name twice with other headers": ("02 01 61 00 00 07 01 61 01 01 01 07", 6, "entry.duplicate"),
    "first code after the last": ("01 01 61 10 00 07", 3, "dtype.code"),
    "upstream's code for a dtype it does not know": ("01 01 61 e724 00 07", 3, "dtype.code"),
    "count over-long": ("80 00", 0, "leb128.canonical"),
    "name length over-long": ("01 81 00 61 00 00 07", 1, "leb128.canonical"),
    "code over-long": ("01 01 61 80 00 00 07", 3, "leb128.canonical"),
    "rank over-long": ("01 01 61 00 80 00 07", 4, "leb128.canonical"),
    "dim over-long": ("01 01 61 00 01 81 00 07", 5, "leb128.canonical"),
    "dim overflows": ("01 01 61 00 01 80808080808080808001", 5, "leb128.range"),
    "rank larger than the rest": ("01 01 61 00 7f 01 01 01", 4, "shape.rank"),
    "rank of 2^63-1": ("01 01 61 00 ffffffffffffffff7f 01", 4, "shape.rank"),
    "elements cut off": ("01 01 61 06 01 02 00000000 0000", 6, "shape.bytes"),
    "elements cut off after the same header": ("02 01 61 06 00 00000000 01 62 06 00 0000", 13, "shape.bytes"),
    "2^62 elements": ("01 01 61 06 01 808080808080808040 00", 14, "shape.bytes"),
    "product overflows to 0": ("01 01 61 00 03 8080808010 8080808010 10 00", 16, "shape.bytes"),
    "trailing": ("01 01 61 00 00 07 00", 6, "file.trailing"),
    "trailing after nothing": ("00 01", 1, "file.trailing"),
}


@pytest.mark.parametrize(("raw", "offset", "clause"), REFUSED.values(), ids=REFUSED)
def test_refuses(raw: str, offset: int, clause: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_state_dict(bytes.fromhex(raw))
    assert (caught.value.offset, caught.value.clause) == (offset, clause)


CODES = ", ".join(map(str, BY_CODE))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", "byte 0: expected the entry count in LEB128, found 0 bytes of it, then the end (file.truncated)"),
        ("01", "byte 1: expected a name length in LEB128, found 0 bytes of it, then the end (file.truncated)"),
        ("01 00", "byte 2: expected a dtype code in LEB128, found 0 bytes of it, then the end (file.truncated)"),
        ("01 00 00", "byte 3: expected a rank in LEB128, found 0 bytes of it, then the end (file.truncated)"),
        ("01 00 00 01 80", "byte 4: expected a dim in LEB128, found 1 bytes of it, then the end (file.truncated)"),
        ("01 05 61", "byte 2: expected a name of 5 bytes, found 1 bytes, then the end (file.truncated)"),
        ("01 01 ff", "byte 2: expected a name in UTF-8, found 0xff (invalid start byte) (name.utf8)"),
        ("01 01 61 7f", f"byte 3: expected a dtype code, one of {CODES}, found 127 (dtype.code)"),
        (
            "01 01 61 00 7f 01",
            "byte 4: expected a rank whose dims can follow, found 127, with 1 bytes left (shape.rank)",
        ),
        (
            "01 01 61 06 02 02 03 00",
            "byte 7: expected 24 bytes for f32 of shape [2, 3], found 1 bytes, then the end (shape.bytes)",
        ),
        (
            "01 01 61 00 01 ffffffffffffffff7f",
            f"byte 14: expected {2**63 - 1} bytes for u8 of shape [{2**63 - 1}], found 0 bytes, then the end "
            "(shape.bytes)",
        ),
        ("00 01 02", "byte 1: expected the end of the file, found 2 more bytes (file.trailing)"),
        (
            "02 01 61 00 00 07 01 61 00 00 07",
            "byte 6: expected a name of its own, found 'a' again (entry.duplicate)",
        ),
    ],
)
def test_the_message_states_what_was_expected_and_what_was_found(raw: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_state_dict(bytes.fromhex(raw))
    assert str(caught.value) == message


def test_a_shape_with_a_zero_takes_no_bytes_whatever_its_other_dims() -> None:
    huge = encode(2**62)
    raw = b"\x01\x01a\x06\x03" + huge + huge + b"\x00"
    assert decode_state_dict(raw)[0].tensor.shape == (2**62, 2**62, 0)


def test_a_hostile_shape_is_refused_without_computing_its_size() -> None:
    rank = 300_000
    with pytest.raises(FormatError, match=r"or more bytes for u8 of shape \[127, 127, .*\.\.\.\]"):
        decode_tensor(b"\x00" + encode(rank) + b"\x7f" * rank)


def test_a_hostile_count_is_refused_where_the_entries_end() -> None:
    with pytest.raises(FormatError) as caught:
        decode_state_dict(encode(2**63 - 1) + b"\x00\x00\x01\x00")
    assert (caught.value.offset, caught.value.clause) == (13, "file.truncated")


LENIENT: dict[str, tuple[str, list[str], list[tuple[int, str]]]] = {
    "over-long count and name length": (
        "8100 8100 61 00 00 07",
        ["a"],
        [(0, "leb128.canonical"), (2, "leb128.canonical")],
    ),
    "the same over-long header": (
        "02 01 61 8000 00 07 01 62 8000 00 07",
        ["a", "b"],
        [(3, "leb128.canonical"), (9, "leb128.canonical")],
    ),
    "over-long rank and dim": (
        "01 01 61 00 8100 8100 07",
        ["a"],
        [(4, "leb128.canonical"), (6, "leb128.canonical")],
    ),
    "duplicate": ("02 01 61 00 00 07 01 61 00 00 07", ["a", "a"], [(6, "entry.duplicate")]),
    "not UTF-8": ("01 02 61 ff 00 00 07", ["a\udcff"], [(3, "name.utf8")]),
    "trailing": ("01 01 61 00 00 07 00 00", ["a"], [(6, "file.trailing")]),
    "unknown code": ("02 01 61 00 00 07 01 62 10 00 07", ["a"], [(8, "dtype.code")]),
    "cut off": ("02 01 61 00 00 07 01 62 06 00 07", ["a"], [(10, "shape.bytes")]),
    "empty file": ("", [], [(0, "file.truncated")]),
}


@pytest.mark.parametrize(("raw", "found", "reported"), LENIENT.values(), ids=LENIENT)
def test_a_lenient_reader_reads_on_and_reports(raw: str, found: list[str], reported: list[tuple[int, str]]) -> None:
    problems = Problems()
    entries = decode_state_dict(bytes.fromhex(raw), problems=problems)
    assert [entry.name for entry in entries] == found
    assert [(problem.offset, problem.clause) for problem in problems.kept] == reported


def test_a_lenient_reader_of_one_tensor_reads_over_trailing_bytes() -> None:
    problems = Problems()
    assert bytes(decode_tensor(b"\x00\x00\x07\x08", problems=problems).data) == b"\x07"
    assert [problem.clause for problem in problems.kept] == ["file.trailing"]


def test_an_over_long_header_of_one_tensor_is_refused() -> None:
    with pytest.raises(FormatError, match=r"leb128\.canonical"):
        decode_tensor(b"\x80\x00\x00\x07")


def test_a_lenient_reader_of_one_tensor_raises_without_one() -> None:
    with pytest.raises(FormatError):
        decode_tensor(b"\x00", problems=Problems())


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 255, 256, 16383, 16384])
def test_a_name_of_any_length_makes_the_round_trip(length: int) -> None:
    entries = [Entry("x" * length + end, tensor_of(U8, (), b"a")) for end in ("", "y")]
    assert owned(decode_state_dict(written(entries))) == entries


def test_repeated_headers_are_read_alike() -> None:
    shapes = [(2,), (200,), (1, 2), (200, 2), (), (0,), (3, 3, 3), (20_000,), (1, 1, 1, 1), (1, 1, 1, 1, 1, 1, 1)] * 3
    entries = [Entry(str(i), tensor_of(U8, shape, bytes([i]) * int(np.prod(shape)))) for i, shape in enumerate(shapes)]
    assert owned(decode_state_dict(written(entries))) == entries


def test_a_repeated_header_at_the_end_of_the_file_is_read_alike() -> None:
    """A longer header comes first, so that as many bytes as that one has are not left."""
    shapes = [(1,) * 10, (0,), (0,)]
    raw = written([Entry(str(i), tensor_of(U8, shape, bytes(0 not in shape))) for i, shape in enumerate(shapes)])
    assert index_state_dict(raw)[-1].offset == len(raw)


SOURCES: dict[str, Callable[[bytes], Buffer]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "array": lambda raw: np.frombuffer(raw, np.uint8),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_any_buffer_can_be_read(source: Callable[[bytes], Buffer]) -> None:
    entries = [Entry(name, tensor_of(F32, (2,), b"12345678")) for name in "ab"]
    assert owned(decode_state_dict(source(written(entries)))) == entries


def test_tensors_are_views_of_the_buffer() -> None:
    raw = bytearray(written([Entry("a", tensor_of(U8, (2,), b"ab"))]))
    tensor = decode_state_dict(raw)[0].tensor
    raw[-1:] = b"z"
    assert bytes(tensor.data) == b"az"


def test_tensors_are_read_only() -> None:
    tensor = decode_tensor(bytearray(b"\x00\x00\x07"))
    assert memoryview(tensor.data).readonly


def test_a_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    write_whole(tmp_path / "model.dat", encode_state_dict([Entry("a", tensor_of(U8, (2,), b"ab"))]))
    array = memoryview(read_state_dict(tmp_path / "model.dat")[0].tensor.data).obj
    assert isinstance(array, np.ndarray)
    assert isinstance(array.base, memoryview)
    assert isinstance(array.base.obj, mmap.mmap)


def test_a_tensor_file_makes_the_round_trip(tmp_path: Path) -> None:
    write_whole(tmp_path / "tensor.dat", encode_tensor(tensor_of(F32, (2,), b"12345678")))
    assert bytes(read_tensor(tmp_path / "tensor.dat").data) == b"12345678"


@pytest.mark.parametrize("read", [read_state_dict, read_tensor, index_state_dict])
def test_an_error_in_a_file_names_it(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "empty.dat").touch()
    with pytest.raises(FormatError, match=r"empty\.dat: byte 0: "):
        read(tmp_path / "empty.dat")


@pytest.mark.parametrize("read", [read_state_dict, index_state_dict])
def test_a_file_can_be_read_leniently(read: Callable[..., Sequence[Entry | IndexEntry]], tmp_path: Path) -> None:
    problems = Problems()
    (tmp_path / "more.dat").write_bytes(written(INDEXED) + b"\0")
    assert [entry.name for entry in read(tmp_path / "more.dat", problems=problems)] == ["a", "b"]
    assert [problem.clause for problem in problems.kept] == ["file.trailing"]


def test_the_file_of_a_tensor_can_be_read_leniently(tmp_path: Path) -> None:
    problems = Problems()
    (tmp_path / "more.dat").write_bytes(b"\x00\x00\x07\x08")
    assert bytes(read_tensor(tmp_path / "more.dat", problems=problems).data) == b"\x07"
    assert [problem.clause for problem in problems.kept] == ["file.trailing"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.dat"):
        read_state_dict(tmp_path / "missing.dat")


INDEXED = [Entry("a", tensor_of(F32, (2, 1), b"12345678")), Entry("b", tensor_of(U8, (), b"b"))]


def test_the_index_has_the_offsets_of_the_elements() -> None:
    assert index_state_dict(written(INDEXED)) == [
        IndexEntry("a", F32, (2, 1), offset=7, nbytes=8),
        IndexEntry("b", U8, (), offset=19, nbytes=1),
    ]


def test_the_index_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "model.dat", encode_state_dict(INDEXED))
    assert index_state_dict(str(tmp_path / "model.dat")) == index_state_dict(written(INDEXED))


def test_a_lenient_index_reports_and_returns_what_it_read() -> None:
    problems = Problems()
    index = index_state_dict(written(INDEXED)[:-1], problems=problems)
    assert ([entry.name for entry in index], [problem.offset for problem in problems.kept]) == (["a"], [19])
