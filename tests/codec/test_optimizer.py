"""Optimizer files: round trips, bytes written by hand for each optimizer, and the offsets of errors."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tscompat.codec import FormatError, OptimizerRecord, decode_optimizer, encode_optimizer, read_optimizer
from tscompat.codec.errors import Problems
from tscompat.codec.optimizer import LAYOUTS, Kind, Value, flat_options, flat_states
from tscompat.codec.writer import CHUNK
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME, DTYPES
from tscompat.values.tensors import Entry, Tensor, tensor_of

F32, BF16 = BY_NAME["f32"], BY_NAME["bf16"]
TENSOR = Tensor(F32, (2, 1), np.array([1, -2], "<f4").tobytes())
T = "06 02 02 01 0000803f 000000c0"
"""The bytes of TENSOR in a file, in hexadecimal: dtype, rank, dims, elements."""
STEP = "0300000000000000"
ON, OFF = "01", "00"

BY_HAND: dict[str, tuple[list[str | float], list[str | float]]] = {
    "SGD": ([0.5, 0.25, 0.9, 0.1, 0.01, ON, OFF], [ON, T]),
    "ASGD": ([0.5, 0.25, ON, 1e-4, 0.75, 0.01, 1e6], [STEP, 0.125, 1.0, T]),
    "Rprop": ([0.5, 0.25, OFF, 0.5, 1.2, 1e-6, 50.0], [STEP, T, T]),
    "RMSProp": ([0.5, 0.25, OFF, 0.9, 0.99, 1e-8, 0.01, ON], [STEP, T, OFF, ON, T]),
    "Adam": ([0.5, 0.25, 0.9, 0.999, 1e-8, 0.01, ON, OFF], [STEP, T, T, ON, T]),
    "AdamW": ([0.5, 0.25, 0.9, 0.999, 1e-8, 0.01, OFF, ON], [STEP, T, T, OFF]),
    "NAdam": ([0.5, 0.25, 0.9, 0.999, 1e-8, 0.01, 4e-3], [STEP, 0.625, T, T]),
    "RAdam": ([0.5, 0.25, 0.9, 0.999, 1e-8, 0.01], [STEP, T, T]),
    "Adamax": ([0.5, 0.25, 0.9, 0.999, 1e-8, 0.01], [STEP, T, T]),
    "Adadelta": ([0.5, 0.25, 0.9, 1e-6, 0.01, ON], [STEP, T, T]),
    "Adagrad": ([0.5, 0.25, 0.1, 0.2, 1e-10, 0.01], [STEP, T]),
}
"""For each class the options of one group and one state, in file order; a float is a little-endian double."""

RECORDS: dict[str, tuple[dict[str, float], dict[str, Value]]] = {
    "SGD": (
        {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01, "nesterov": True, "maximize": False},
        {"momentum_buffer": TENSOR},
    ),
    "ASGD": (
        {"maximize": True, "lambd": 1e-4, "alpha": 0.75, "weight_decay": 0.01, "t0": 1e6},
        {"step": 3, "eta": 0.125, "mu": 1.0, "ax": TENSOR},
    ),
    "Rprop": (
        {"maximize": False, "etaminus": 0.5, "etaplus": 1.2, "min_step": 1e-6, "max_step": 50.0},
        {"step": 3, "prev": TENSOR, "step_size": TENSOR},
    ),
    "RMSProp": (
        {"maximize": False, "momentum": 0.9, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.01, "centered": True},
        {"step": 3, "square_avg": TENSOR, "momentum_buffer": None, "grad_avg": TENSOR},
    ),
    "Adam": (
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "amsgrad": True, "maximize": False},
        {"step": 3, "exp_avg": TENSOR, "exp_avg_sq": TENSOR, "max_exp_avg_sq": TENSOR},
    ),
    "AdamW": (
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False, "maximize": True},
        {"step": 3, "exp_avg": TENSOR, "exp_avg_sq": TENSOR, "max_exp_avg_sq": None},
    ),
    "NAdam": (
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "momentum_decay": 4e-3},
        {"step": 3, "mu_product": 0.625, "exp_avg": TENSOR, "exp_avg_sq": TENSOR},
    ),
    "RAdam": (
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
        {"step": 3, "exp_avg": TENSOR, "exp_avg_sq": TENSOR},
    ),
    "Adamax": (
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
        {"step": 3, "exp_avg": TENSOR, "exp_inf": TENSOR},
    ),
    "Adadelta": (
        {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.01, "maximize": True},
        {"step": 3, "square_avg": TENSOR, "acc_delta": TENSOR},
    ),
    "Adagrad": (
        {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-10, "weight_decay": 0.01},
        {"step": 3, "sum": TENSOR},
    ),
}


def record_of(name: str) -> OptimizerRecord:
    options, state = RECORDS[name]
    return OptimizerRecord(name, [{"initial_lr": 0.5, "lr": 0.25, **options}], [state])


def by_hand(name: str) -> bytes:
    options, state = BY_HAND[name]
    parts = [bytes.fromhex(part) if isinstance(part, str) else struct.pack("<d", part) for part in options + state]
    return bytes([len(name)]) + name.encode() + b"\x01\x01" + b"".join(parts)


def encoded(record: OptimizerRecord) -> bytes:
    return b"".join(encode_optimizer(record))


def owned(record: OptimizerRecord) -> OptimizerRecord:
    """The same record with its tensors as bytes, which can be compared."""
    states = [
        {
            name: value._replace(data=bytes(value.data)) if isinstance(value, Tensor) else value
            for name, value in state.items()
        }
        for state in record.states
    ]
    return record._replace(states=states)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(st.sampled_from([(), (0, 3), (3,), (2, 130)]))
    fill = draw(st.binary(min_size=1, max_size=8))
    size = dtype.itemsize * int(np.prod(shape))
    return tensor_of(dtype, shape, (fill * size)[:size])


VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    "f64": st.floats(allow_nan=False),
    "i64": st.integers(-(1 << 63), (1 << 63) - 1),
    "bool": st.booleans(),
    "tensor": tensors(),
    "tensor?": st.none() | tensors(),
}


@st.composite
def records(draw: st.DrawFn) -> OptimizerRecord:
    name = draw(st.sampled_from(sorted(LAYOUTS)))
    groups, states = (
        st.lists(st.fixed_dictionaries({field: VALUES[kind] for field, kind in kinds.items()}), max_size=3)
        for kinds in LAYOUTS[name]
    )
    return OptimizerRecord(name, cast("list[dict[str, float]]", draw(groups)), draw(states))


def is_canonical_or_refused(raw: bytes) -> bool:
    """Whether the bytes are canonical, or refused with an offset inside them. Other errors are raised."""
    try:
        return encoded(decode_optimizer(raw)) == raw
    except FormatError as error:
        return 0 <= error.offset <= len(raw)


@given(records())
def test_a_record_makes_the_round_trip(record: OptimizerRecord) -> None:
    assert owned(decode_optimizer(encoded(record))) == record


@given(records(), st.data())
def test_a_file_that_is_cut_is_refused(record: OptimizerRecord, data: st.DataObject) -> None:
    raw = encoded(record)
    end = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(FormatError) as caught:
        decode_optimizer(raw[:end])
    assert 0 <= caught.value.offset <= end


@given(records(), st.data())
def test_a_changed_byte_is_another_file_or_refused(record: OptimizerRecord, data: st.DataObject) -> None:
    raw = bytearray(encoded(record))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assert is_canonical_or_refused(bytes(raw))


@given(st.sampled_from(sorted(LAYOUTS)), st.binary(max_size=100))
def test_any_bytes_after_a_name_are_read_or_refused(name: str, rest: bytes) -> None:
    assert is_canonical_or_refused(bytes([len(name)]) + name.encode() + rest)


SGD = record_of("SGD")
PLAIN = SGD._replace(states=[{"momentum_buffer": None}])
WITHOUT = encoded(PLAIN)
"""The file of PLAIN: the name (4 bytes), the counts of groups and states (2), the options of one group (42), and one
state, which is only a flag: no buffer (1)."""


def test_every_layout_is_written_out_by_hand() -> None:
    assert BY_HAND.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", BY_HAND)
def test_writes_the_bytes_written_out_by_hand(name: str) -> None:
    assert encoded(record_of(name)) == by_hand(name)


@pytest.mark.parametrize("name", BY_HAND)
def test_reads_the_bytes_written_out_by_hand(name: str) -> None:
    assert decode_optimizer(by_hand(name)) == record_of(name)


def test_all_groups_come_before_all_states() -> None:
    options, state = SGD.groups[0], PLAIN.states[0]
    assert encoded(SGD._replace(groups=[options] * 2, states=[state] * 3)) == (
        b"\x03SGD\x02\x03" + WITHOUT[6:-1] * 2 + b"\x00" * 3
    )


def test_a_bool_is_read_as_a_bool() -> None:
    assert decode_optimizer(WITHOUT).groups[0]["maximize"] is False


def test_reads_the_file_that_it_wrote(tmp_path: Path) -> None:
    write_whole(tmp_path / "adam.dat", encode_optimizer(record_of("Adam")))
    assert encoded(read_optimizer(tmp_path / "adam.dat")) == by_hand("Adam")


def test_a_large_tensor_is_handed_on_as_it_is() -> None:
    large = tensor_of(BF16, (CHUNK // 2,), np.zeros(CHUNK, np.uint8))
    pieces = list(encode_optimizer(SGD._replace(states=[{"momentum_buffer": large}])))
    assert [np.shares_memory(np.frombuffer(piece, np.uint8), large.data) for piece in pieces] == [False, True]


def sgd(*sizes: int) -> list[bytes]:
    """The buffers of an SGD's file whose states have tensors of so many bytes."""
    buffers = [tensor_of(BY_NAME["u8"], (size,), np.arange(size, dtype=np.uint32).astype(np.uint8)) for size in sizes]
    record = SGD._replace(states=[{"momentum_buffer": tensor} for tensor in buffers])
    pieces = [bytes(memoryview(piece).cast("B")) for piece in encode_optimizer(record)]
    assert owned(decode_optimizer(b"".join(pieces))) == owned(record)
    return pieces


BEFORE = 48 + 1 + 5
"""Bytes of an SGD's file before the elements of its first large tensor: name, counts, options, a flag, a header."""


@pytest.mark.parametrize(
    ("sizes", "joined"),
    [
        ([CHUNK - BEFORE - 1], [CHUNK - 1]),
        ([CHUNK - BEFORE], [BEFORE, CHUNK - BEFORE]),
        ([CHUNK], [BEFORE, CHUNK]),
        ([CHUNK - BEFORE, BEFORE - 5], [BEFORE, CHUNK - 1]),  # a flag and a short header are 4 bytes
        ([CHUNK - BEFORE, BEFORE - 4], [BEFORE, CHUNK - BEFORE + 4, BEFORE - 4]),
    ],
)
def test_buffers_are_joined_until_a_chunk_is_full(sizes: list[int], joined: list[int]) -> None:
    assert [len(piece) for piece in sgd(*sizes)] == joined


def test_many_small_states_come_in_few_buffers() -> None:
    assert len(list(encode_optimizer(record_of("Adam")._replace(states=[record_of("Adam").states[0]] * 1000)))) == 1


@pytest.mark.parametrize(
    ("data", "offset", "clause"),
    [
        pytest.param(b"", 0, "file.truncated", id="nothing"),
        pytest.param(b"\x05LBFGS\x01\x01", 0, "optimizer.name", id="another class"),
        pytest.param(b"\x07RMSprop\x01\x01", 0, "optimizer.name", id="torch's name"),
        pytest.param(b"\x03SG", 1, "file.truncated", id="name"),
        pytest.param(b"\x01\xff\x01\x01", 1, "name.utf8", id="name not in UTF-8"),
        pytest.param(WITHOUT[:4], 4, "file.truncated", id="no counts"),
        pytest.param(WITHOUT[:4] + b"\x81\x00" + WITHOUT[5:], 4, "leb128.canonical", id="count"),
        pytest.param(b"\x03SGD" + b"\xff" * 8 + b"\x7f\x01" + WITHOUT[6:], 56, "file.truncated", id="many groups"),
        pytest.param(WITHOUT[:20], 14, "file.truncated", id="options"),
        pytest.param(WITHOUT[:46] + b"\x02" + WITHOUT[47:], 46, "optimizer.bool", id="bool option"),
        pytest.param(WITHOUT[:-1], 48, "file.truncated", id="no state"),
        pytest.param(WITHOUT[:-1] + b"\x07", 48, "optimizer.bool", id="bool before a tensor"),
        pytest.param(WITHOUT[:-1] + b"\x01\x63", 49, "dtype.code", id="dtype"),
        pytest.param(encoded(SGD)[:-1], 53, "shape.bytes", id="tensor"),
        pytest.param(WITHOUT + b"\x00", 49, "file.trailing", id="more"),
    ],
)
def test_an_error_has_the_offset_of_the_fault(data: bytes, offset: int, clause: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_optimizer(data)
    assert (caught.value.offset, caught.value.clause) == (offset, clause)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x05LBFGS", "byte 0: expected an optimizer, one of SGD, ASGD, .*, Adagrad, found 'LBFGS'"),
        (b"\x7f" + b"x" * 127, "found '" + "x" * 80 + "'"),
        (WITHOUT[:4], "expected the count of parameter groups in LEB128"),
        (WITHOUT[:5], "expected the count of states in LEB128"),
        (WITHOUT[:20], "byte 14: expected lr in 8 bytes, found 6 bytes, then the end"),
        (WITHOUT[:46] + b"\x02" + WITHOUT[47:], "expected nesterov as 0x00 or 0x01, found 0x02"),
        (WITHOUT[:-1], "expected whether there is momentum_buffer in 1 bytes, found 0 bytes"),
        (by_hand("Adagrad")[: 10 + 48 + 1], "expected step in 8 bytes, found 1 bytes"),
        (WITHOUT[:-1] + b"\x01\x80\x00", "expected a dtype code as 00, the shortest LEB128, found 80 00"),
    ],
)
def test_an_error_states_what_was_expected_and_what_was_found(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_optimizer(data)


def test_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "short.dat").write_bytes(b"\x03SG")
    with pytest.raises(FormatError, match=r"short\.dat: byte 1: expected a name of 3 bytes"):
        read_optimizer(tmp_path / "short.dat")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        pytest.param(SGD._replace(name="LBFGS"), "no optimizer 'LBFGS'; expected one of SGD, ASGD, ", id="class"),
        pytest.param(
            SGD._replace(groups=[{"lr": 0.1}]),
            "group 0: expected exactly initial_lr, lr, .*: dampening, initial_lr, ",
            id="few",
        ),
        pytest.param(
            SGD._replace(states=[{}]), "state 0: expected exactly momentum_buffer; .*: momentum_buffer", id="none"
        ),
        pytest.param(
            SGD._replace(states=[{"momentum_buffer": 1.0}]), "momentum_buffer: expected tensor?, found", id="number"
        ),
        pytest.param(
            SGD._replace(groups=[{**SGD.groups[0], "nesterov": 1}]), "nesterov: expected bool, found int", id="bool"
        ),
        pytest.param(
            SGD._replace(groups=[{**SGD.groups[0], "lr": True}]),
            "group 0: lr: expected f64, found bool",
            id="bool for f64",
        ),
        pytest.param(
            record_of("Adagrad")._replace(states=[{"step": 2.0, "sum": TENSOR}]), "state 0: step: ", id="float for i64"
        ),
        pytest.param(
            record_of("Adagrad")._replace(states=[{"step": 2, "sum": None}]),
            "sum: expected tensor, found NoneType",
            id="None",
        ),
        pytest.param(
            SGD._replace(states=[{"momentum_buffer": Tensor(F32, (2,), b"1234")}]),
            "state 0: momentum_buffer: a f32 tensor of shape .* needs 8 bytes; the data has 4",
            id="size",
        ),
    ],
)
def test_refuses_what_does_not_fit_the_layout(record: OptimizerRecord, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("tensor?", r"tensor\?")):
        encoded(record)


def test_options_are_flat_in_the_order_of_the_file() -> None:
    flat = flat_options(SGD._replace(groups=[SGD.groups[0]] * 2))
    assert [name for name, _ in flat] == [f"group.{number}.{option}" for number in (0, 1) for option in SGD.groups[0]]
    assert flat[1] == Entry("group.0.lr", Tensor(BY_NAME["f64"], (), np.array(0.25)))


def test_an_option_given_as_an_integer_is_compared_as_a_number() -> None:
    flat = dict(flat_options(SGD._replace(groups=[{**SGD.groups[0], "lr": 1}])))
    assert bytes(memoryview(flat["group.0.lr"].data)) == struct.pack("<d", 1.0)


def test_a_field_that_the_layout_lacks_is_an_entry_without_a_value() -> None:
    assert flat_options(SGD._replace(groups=[{"odd": 1.0}])) == [Entry("group.0.odd", Tensor(BY_NAME["u8"], (0,), b""))]


def test_states_are_flat_without_the_tensors_that_are_not_there() -> None:
    flat = flat_states(SGD._replace(states=[{"momentum_buffer": None}, {"momentum_buffer": TENSOR}]))
    assert flat == [Entry("state.1.momentum_buffer", TENSOR)]


# lenient readers

_HEAD = "03 534744 01 01"
_OPTIONS = " ".join(np.array(number, "<f8").tobytes().hex() for number in (0.5, 0.25, 0.9, 0.1, 0.01))


def lenient(text: str) -> tuple[OptimizerRecord, Mapping[Any, int]]:
    """What a lenient reader makes of a file, and the flaws that it has counted by clause."""
    problems = Problems()
    record = decode_optimizer(bytes.fromhex(text), problems=problems)
    return record, dict(problems.counts)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (f"8300 534744 01 01 {_OPTIONS} 01 00 01 {T}", "leb128.canonical"),
        (f"03 534744 8100 01 {_OPTIONS} 01 00 01 {T}", "leb128.canonical"),
        (f"03 534744 01 8100 {_OPTIONS} 01 00 01 {T}", "leb128.canonical"),
        (f"{_HEAD} {_OPTIONS} 02 00 01 {T}", "optimizer.bool"),
        (f"{_HEAD} {_OPTIONS} 01 00 02 {T}", "optimizer.bool"),
        (f"{_HEAD} {_OPTIONS} 01 00 01 8600 {T[3:]}", "leb128.canonical"),
        (f"{_HEAD} {_OPTIONS} 01 00 01 {T} 00", "file.trailing"),
    ],
    ids=["name", "groups", "states", "option", "there", "tensor", "end"],
)
def test_a_lenient_reader_counts_a_flaw_and_goes_on(text: str, clause: str) -> None:
    record, counts = lenient(text)
    assert counts == {clause: 1}
    assert (record.groups[0]["nesterov"], record.states[0]["momentum_buffer"]) == (True, TENSOR)


def test_a_lenient_reader_stops_where_a_number_of_a_state_ends_too_early() -> None:
    options = " ".join(np.array(0.5, "<f8").tobytes().hex() for _ in range(6))
    with pytest.raises(FormatError, match="step in 8 bytes"):
        lenient(f"07 41646167726164 01 01 {options} 0300")


def test_a_lenient_reader_counts_the_flaws_of_a_required_tensor() -> None:
    options = " ".join(np.array(0.5, "<f8").tobytes().hex() for _ in range(6))
    _, counts = lenient(f"07 41646167726164 01 01 {options} {STEP} 8600 {T[3:]}")
    assert counts == {"leb128.canonical": 1}
