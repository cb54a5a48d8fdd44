"""The fields of a file, and the sentence about the first byte that differs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import optimizers, state_dicts
from tscompat.codec import (
    FormatError,
    OptimizerRecord,
    decode_optimizer,
    decode_state_dict,
    encode_optimizer,
    encode_state_dict,
    encode_tensor,
)
from tscompat.codec.clauses import CLAUSES
from tscompat.codec.fields import (
    Walk,
    explain,
    fields_of_optimizer,
    fields_of_state_dict,
    fields_of_tensor,
)
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import FirstDifference

F32 = BY_NAME["f32"]
WEIGHT = Entry("fc.weight", Tensor(F32, (2, 1), np.array([1, 2], "<f4").tobytes()))
BIAS = Entry("b", Tensor(BY_NAME["u8"], (), b"\7"))
FILE = b"".join(encode_state_dict([WEIGHT, BIAS]))
SGD = OptimizerRecord(
    "SGD",
    [
        dict.fromkeys(("initial_lr", "lr", "momentum", "dampening", "weight_decay"), 0.5)
        | {"nesterov": True, "maximize": False}
    ],
    [{"momentum_buffer": BIAS.tensor}, {"momentum_buffer": None}],
)


def test_the_fields_of_a_state_dict() -> None:
    assert [
        (field.offset, field.nbytes, field.place, field.what, field.value) for field in fields_of_state_dict(FILE)
    ] == [
        (0, 1, "the file", "count of entries", "2"),
        (1, 1, "entry 0", "length of the name", "9"),
        (2, 9, "entry 0", "name", "'fc.weight'"),
        (11, 1, "entry 0 'fc.weight'", "dtype code", "6 (f32)"),
        (12, 1, "entry 0 'fc.weight'", "rank", "2"),
        (13, 1, "entry 0 'fc.weight'", "dim 0", "2"),
        (14, 1, "entry 0 'fc.weight'", "dim 1", "1"),
        (15, 8, "entry 0 'fc.weight'", "elements", "8 bytes, f32 of shape [2, 1]"),
        (23, 1, "entry 1", "length of the name", "1"),
        (24, 1, "entry 1", "name", "'b'"),
        (25, 1, "entry 1 'b'", "dtype code", "0 (u8)"),
        (26, 1, "entry 1 'b'", "rank", "0"),
        (27, 1, "entry 1 'b'", "elements", "1 bytes, u8 of shape []"),
    ]


def test_each_field_of_a_tensor_has_its_name() -> None:
    assert [field.entry for field in fields_of_state_dict(FILE)][2:9] == [*["fc.weight"] * 6, None]


def test_the_fields_of_a_tensor_and_what_follows_it() -> None:
    data = b"".join(encode_tensor(BIAS.tensor)) + b"!?"
    assert [(field.place, field.what, field.value) for field in fields_of_tensor(data)] == [
        ("the tensor", "dtype code", "0 (u8)"),
        ("the tensor", "rank", "0"),
        ("the tensor", "elements", "1 bytes, u8 of shape []"),
        ("the file", "bytes after the end", "2 bytes"),
    ]


def test_the_fields_of_an_optimizer() -> None:
    fields = list(fields_of_optimizer(b"".join(encode_optimizer(SGD))))
    assert [(field.place, field.what, field.value) for field in fields[:5]] == [
        ("the file", "length of the class", "3"),
        ("the file", "class", "'SGD'"),
        ("the file", "count of parameter groups", "1"),
        ("the file", "count of states", "2"),
        ("group 0", "initial_lr", "0.5"),
    ]
    assert fields[4].clause == "optimizer.number"
    assert [(field.place, field.what, field.value, field.clause, field.entry) for field in fields[-6:]] == [
        ("group 0", "maximize", "False", "optimizer.bool", None),
        ("state 0", "whether there is momentum_buffer", "True", "optimizer.optional", None),
        ("state 0 momentum_buffer", "dtype code", "0 (u8)", "dtype.code", "state.0.momentum_buffer"),
        ("state 0 momentum_buffer", "rank", "0", "shape.rank", "state.0.momentum_buffer"),
        ("state 0 momentum_buffer", "elements", "1 bytes, u8 of shape []", "element.order", "state.0.momentum_buffer"),
        ("state 1", "whether there is momentum_buffer", "False", "optimizer.optional", None),
    ]


def assert_whole(data: bytes, walk: Walk) -> None:
    """The fields follow each other without a gap, to the end."""
    at = 0
    for field in walk(data):
        assert (field.offset, field.clause in CLAUSES) == (at, True)
        at = field.end
    assert at == len(data)


@given(state_dicts, st.binary(max_size=2))
def test_the_fields_of_a_state_dict_are_all_of_its_file(entries: StateDict, more: bytes) -> None:
    assert_whole(b"".join(encode_state_dict(entries)) + more, fields_of_state_dict)


@given(optimizers, st.binary(max_size=2))
def test_the_fields_of_an_optimizer_are_all_of_its_file(record: OptimizerRecord, more: bytes) -> None:
    assert_whole(b"".join(encode_optimizer(record)) + more, fields_of_optimizer)


def in_two_places(data: bytes) -> bytes:
    return with_byte(27, 0)(with_byte(22, 0xC0)(data))


def of_rank_3(data: bytes) -> bytes:
    return data[:12] + b"\x03\x01" + data[13:]


def with_a_longer_number(data: bytes) -> bytes:
    return data[:1] + b"\x89\x00" + data[2:]


def shorter(data: bytes) -> bytes:
    return data[:-1]


def with_a_footer(data: bytes) -> bytes:
    return data + b"footer"


def with_byte(at: int, value: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("change", "sentence", "place"),
    [
        (
            with_byte(0, 3),
            "the file, count of entries at byte 0x0 (FORMAT 2.1 entry.count): 2 expected, 3 found; the rest is equal",
            FirstDifference(None, "count of entries", 0, "2", "3"),
        ),
        (
            with_byte(11, 16),
            "entry 0 'fc.weight', dtype code at byte 0xb (FORMAT 3.2 dtype.code): 6 (f32) expected, 16 found; "
            "the rest is equal",
            FirstDifference("fc.weight", "dtype code", 11, "6 (f32)", "16"),
        ),
        (
            with_byte(11, 3),
            "entry 0 'fc.weight', dtype code at byte 0xb (FORMAT 3.2 dtype.code): 6 (f32) expected, 3 (i32) found; "
            "the rest is equal",
            FirstDifference("fc.weight", "dtype code", 11, "6 (f32)", "3 (i32)"),
        ),
        (
            with_byte(22, 0xC0),
            "entry 0 'fc.weight', element [1, 0] at byte 0x13 (FORMAT 3.8 element.order): 0x40000000 (2.0) expected, "
            "0xc0000000 (-2.0) found; 1 of 2 elements differ; the rest is equal",
            FirstDifference("fc.weight", "element", 19, "0x40000000 (2.0)", "0xc0000000 (-2.0)"),
        ),
        (
            in_two_places,
            "entry 0 'fc.weight', element [1, 0] at byte 0x13 (FORMAT 3.8 element.order): 0x40000000 (2.0) expected, "
            "0xc0000000 (-2.0) found; 1 of 2 elements differ; the rest differs too",
            FirstDifference("fc.weight", "element", 19, "0x40000000 (2.0)", "0xc0000000 (-2.0)"),
        ),
        (
            of_rank_3,
            "entry 0 'fc.weight', rank at byte 0xc (FORMAT 3.3 shape.rank): 2 expected, 3 found; the rest differs too",
            FirstDifference("fc.weight", "rank", 12, "2", "3"),
        ),
        (
            with_a_longer_number,
            "entry 0, name at byte 0x1 (FORMAT 2.2 entry.name): 'fc.weight' expected, 89 00 found; "
            "the rest differs too",
            FirstDifference("fc.weight", "name", 1, "'fc.weight'", "89 00"),
        ),
        (
            with_byte(2, 0xFF),
            "entry 0, name at byte 0x1 (FORMAT 2.2 entry.name): 'fc.weight' expected, 0xff (invalid start byte) found; "
            "the rest is equal",
            FirstDifference("fc.weight", "name", 1, "'fc.weight'", "0xff (invalid start byte)"),
        ),
        (
            shorter,
            "entry 1 'b', elements at byte 0x1b (FORMAT 3.8 element.order): 1 bytes, u8 of shape [] expected, "
            "0 bytes, then the end found; the rest is equal",
            FirstDifference("b", "elements", 27, "1 bytes, u8 of shape []", "0 bytes, then the end"),
        ),
        (
            with_a_footer,
            "the file, end at byte 0x1c (FORMAT 1.5 file.trailing): nothing expected, 6 bytes more found",
            FirstDifference(None, "end", 28, "nothing", "6 bytes more"),
        ),
    ],
    ids=["count", "unknown", "dtype", "element", "two", "rank", "longer", "utf8", "shorter", "footer"],
)
def test_the_first_difference_of_a_state_dict_is_explained(
    change: Callable[[bytes], bytes], sentence: str, place: FirstDifference
) -> None:
    found = explain(FILE, change(FILE), fields_of_state_dict)
    assert found is not None
    assert (found.kind, found.detail, found.first) == ("bytes", sentence, place)


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("fc.weights", "the rest is equal, 1 bytes later"),
        ("fc", "the rest is equal, 7 bytes earlier"),
        ("fc.wEight", "the rest is equal"),
    ],
)
def test_another_name_moves_the_rest(name: str, rest: str) -> None:
    found = explain(FILE, b"".join(encode_state_dict([Entry(name, WEIGHT.tensor), BIAS])), fields_of_state_dict)
    assert found is not None
    assert found.detail == (
        f"entry 0, name at byte 0x1 (FORMAT 2.2 entry.name): 'fc.weight' expected, '{name}' found; {rest}"
    )


def test_equal_bytes_need_no_explanation() -> None:
    assert explain(FILE, bytes(FILE), fields_of_state_dict) is None


@given(state_dicts, st.data())
def test_every_changed_byte_lies_in_the_field_that_is_named(entries: StateDict, data: st.DataObject) -> None:
    whole = b"".join(encode_state_dict(entries))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = with_byte(at, whole[at] ^ data.draw(st.integers(1, 255)))(whole)
    found = explain(whole, changed, fields_of_state_dict)
    assert found is not None
    assert found.first is not None
    assert found.first.offset is not None
    assert found.first.offset <= at


@given(optimizers, st.data())
def test_an_optimizers_changed_byte_is_explained(record: OptimizerRecord, data: st.DataObject) -> None:
    whole = b"".join(encode_optimizer(record))
    at = data.draw(st.integers(0, len(whole) - 1))
    assert explain(whole, with_byte(at, whole[at] ^ 1)(whole), fields_of_optimizer) is not None


def error_of(read: Callable[[bytes], object], data: bytes) -> str:
    try:
        read(data)
    except FormatError as error:
        return "" if error.clause in ("entry.duplicate", "file.trailing") else str(error)
    return ""


FILES = st.one_of(
    st.tuples(state_dicts.map(encode_state_dict).map(b"".join), st.just((fields_of_state_dict, decode_state_dict))),
    st.tuples(optimizers.map(encode_optimizer).map(b"".join), st.just((fields_of_optimizer, decode_optimizer))),
)


@given(FILES, st.data())
def test_what_cannot_be_walked_is_refused_as_the_reader_refuses_it(
    file: tuple[bytes, tuple[Walk, Callable[[bytes], object]]], data: st.DataObject
) -> None:
    """Two names of one tensor and bytes behind the end are fields, too."""
    whole, (walk, read) = file
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = with_byte(at, data.draw(st.integers(0, 255)))(whole)
    for damaged in (changed, whole[:at]):
        refused = error_of(read, damaged)
        assert error_of(lambda data: list(walk(data)), damaged) == refused or not refused


@pytest.mark.parametrize(
    ("walk", "read", "data"),
    [
        (fields_of_state_dict, decode_state_dict, b""),
        (fields_of_state_dict, decode_state_dict, b"\1"),
        (fields_of_state_dict, decode_state_dict, b"\1\1"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\6"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\6\2\1"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\6\1\x80"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\6\1\1\0"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\x63\0"),
        (fields_of_state_dict, decode_state_dict, b"\1\1a\6\x81\0\1"),
        (fields_of_optimizer, decode_optimizer, b""),
        (fields_of_optimizer, decode_optimizer, b"\3Nil"),
        (fields_of_optimizer, decode_optimizer, b"\3SGD"),
        (fields_of_optimizer, decode_optimizer, b"\3SGD\1"),
        (fields_of_optimizer, decode_optimizer, b"\3SGD\1\0\0"),
        (fields_of_optimizer, decode_optimizer, b"\3SGD\0\1"),
        (fields_of_optimizer, decode_optimizer, b"\3SGD\0\1\1"),
    ],
)
def test_a_damaged_file_is_refused_in_the_words_of_the_reader(
    walk: Walk, read: Callable[[bytes], object], data: bytes
) -> None:
    refused = error_of(read, data)
    assert refused
    assert error_of(lambda data: list(walk(data)), data) == refused


def test_of_a_file_that_is_longer_than_its_format_the_end_is_missed() -> None:
    whole = b"".join(encode_state_dict([]))
    found = explain(whole + b"xx", whole, fields_of_state_dict)
    assert found
    assert ": 2 bytes expected, nothing found" in found.detail


def test_an_unknown_dtype_is_refused_before_what_follows_it() -> None:
    with pytest.raises(FormatError) as refused:
        list(fields_of_tensor(b"\x10\x80"))
    assert refused.value.clause == "dtype.code"
