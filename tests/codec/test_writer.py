"""The writer: bytes written out by hand, streaming without copies."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

import ml_dtypes
import numpy as np
import pytest

from tscompat.codec import encode_state_dict, encode_tensor
from tscompat.codec.writer import CHUNK
from tscompat.values.dtypes import BY_NAME, DTYPES, DType
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of

U8, F32, BF16 = BY_NAME["u8"], BY_NAME["f32"], BY_NAME["bf16"]


def written(entries: Collection[Entry]) -> bytes:
    return b"".join(encode_state_dict(entries))


def large(size: int = 1 << 20) -> Tensor:
    return tensor_of(U8, (size,), np.arange(size, dtype=np.uint64).astype(np.uint8))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], "00", id="no entries"),
        pytest.param([Entry("a", Tensor(U8, (), b"\x07"))], "01 01 61 00 00 07", id="0-d"),
        pytest.param(
            [Entry("a.b", Tensor(F32, (2, 1), np.array([1, -2], "<f4")))],
            "01 03 61 2e 62 06 02 02 01 0000803f 000000c0",
            id="float32",
        ),
        pytest.param(
            [Entry("w", Tensor(BF16, (1,), np.array([1], ml_dtypes.bfloat16).view(np.uint8)))],
            "01 01 77 0f 01 01 803f",
            id="bfloat16",
        ),
        pytest.param([Entry("é", Tensor(U8, (0, 3), b""))], "01 02 c3a9 00 02 00 03", id="name in bytes"),
        pytest.param([Entry("", Tensor(U8, (1,), b"\x01"))], "01 00 00 01 01 01", id="empty name"),
        pytest.param([Entry("b", Tensor(U8, (), b"\x01"))] * 2, "02" + "01 62 00 00 01" * 2, id="duplicates"),
        pytest.param([Entry("a", Tensor(U8, (0, 300), b""))], "01 01 61 00 02 00 ac02", id="long dim"),
    ],
)
def test_writes_the_bytes_written_out_by_hand(entries: StateDict, expected: str) -> None:
    assert written(entries) == bytes.fromhex(expected)


def test_a_single_tensor_has_neither_count_nor_name() -> None:
    assert b"".join(encode_tensor(Tensor(U8, (2, 1), b"\x07\x08"))) == bytes.fromhex("00 02 02 01 07 08")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_the_dtype_is_its_code(dtype: DType) -> None:
    assert b"".join(encode_tensor(Tensor(dtype, (0,), b""))) == bytes([dtype.code, 1, 0])


def test_a_name_longer_than_127_bytes_has_a_longer_length() -> None:
    assert written([Entry("é" * 64, Tensor(U8, (0,), b""))])[:5] == bytes.fromhex("01 8001 c3a9")


def test_the_memory_of_a_large_tensor_is_handed_on_as_it_is() -> None:
    tensor = large()
    assert any(
        np.shares_memory(np.frombuffer(part, np.uint8), tensor.data) for part in encode_state_dict([Entry("a", tensor)])
    )


def test_small_and_large_tensors_come_out_in_order() -> None:
    small = tensor_of(U8, (3,), b"abc")
    entries = [Entry(str(i), large() if i % 5 == 2 else small) for i in range(12)]
    alone = [written([entry])[1:] for entry in entries]
    assert written(entries) == b"\x0c" + b"".join(alone)


@pytest.mark.parametrize(
    ("sizes", "joined"),
    [
        ([CHUNK - 2], [2 + 1 + 5 + CHUNK - 2]),  # the count, a name's length, the name, a header, elements
        ([CHUNK - 1], [2 + 1 + 5, CHUNK - 1]),
        ([CHUNK, CHUNK - 2], [8, CHUNK, 7 + CHUNK - 2]),
        ([CHUNK, CHUNK - 1], [8, CHUNK, 7, CHUNK - 1]),
    ],
)
def test_tensors_are_joined_until_a_chunk_is_full(sizes: list[int], joined: list[int]) -> None:
    parts = encode_state_dict([Entry("a", large(size)) for size in sizes])
    assert [memoryview(part).nbytes for part in parts] == joined


def test_many_small_tensors_come_in_few_buffers() -> None:
    entries = [Entry(str(i), tensor_of(U8, (100,), bytes(100))) for i in range(10_000)]
    sizes = [memoryview(part).nbytes for part in encode_state_dict(entries)]
    assert (len(sizes) < 20, max(sizes) < 1 << 20) == (True, True)


@pytest.mark.parametrize("size", [3, 1 << 20], ids=["small", "large"])
def test_refuses_bytes_that_do_not_fit_the_shape(size: int) -> None:
    with pytest.raises(
        ValueError, match=rf"'a\.b': u8 of shape \[{size + 1}\] needs {size + 1} bytes; the data has {size}"
    ):
        written([Entry("a.b", Tensor(U8, (size + 1,), bytes(size)))])


def test_refuses_a_single_tensor_whose_bytes_do_not_fit() -> None:
    with pytest.raises(ValueError, match="needs 4 bytes; the data has 3"):
        list(encode_tensor(Tensor(F32, (), b"abc")))


def test_refuses_a_name_without_a_utf8_form() -> None:
    with pytest.raises(ValueError, match=r"name 'a\\udc80' has no UTF-8 form"):
        written([Entry("a\udc80", Tensor(U8, (), b"a"))])


class Unmultiplied(int):
    """A dim that must not be multiplied."""

    def __mul__(self, other: int) -> NoReturn:
        raise AssertionError("multiplied")

    __rmul__ = __mul__


def test_writes_a_shape_that_ends_at_zero_without_multiplying_its_dims() -> None:
    assert b"".join(encode_tensor(Tensor(U8, (Unmultiplied(99), 0), b""))) == bytes.fromhex("00 02 63 00")
