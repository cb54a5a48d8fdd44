"""The table of dtypes, and what is derived from a row."""

from __future__ import annotations

import numpy as np
import pytest

from tscompat.values.dtypes import BY_NAME, BY_TORCH, DTYPES, FOREIGN, NO_CODE, DType

KINDS = {
    "integer": ["u8", "i8", "i16", "i32", "i64", "u16", "u32", "u64"],
    "bool": ["bool"],
    "quantized": ["qi8", "qu8", "qi32"],
    "float": ["f16", "f32", "f64", "bf16", "f8-e4m3fn", "f8-e4m3fnuz", "f8-e5m2", "f8-e5m2fnuz", "f8-e8m0fnu"],
    "complex": ["c32", "c64", "c128"],
}
MANTISSAS = {"f16": 10, "c32": 10, "f32": 23, "c64": 23, "f64": 52, "c128": 52, "bf16": 7}
ALL = (*DTYPES, *FOREIGN)


def test_each_dtype_has_its_kind() -> None:
    found = {kind: [dtype.name for dtype in ALL if dtype.kind == kind] for kind in KINDS}
    assert found == KINDS


def test_each_float_type_has_its_mantissa_and_no_other_has_one() -> None:
    assert {name: dtype.mantissa_bits for name, dtype in BY_NAME.items() if dtype.mantissa_bits is not None} == (
        {name: MANTISSAS[name] for name in BY_NAME if name in MANTISSAS}
    )


@pytest.mark.parametrize(
    ("name", "size", "parts"), [("u8", 1, 1), ("bf16", 2, 1), ("c32", 4, 2), ("c128", 16, 2), ("bool", 1, 1)]
)
def test_an_element_has_the_bytes_of_its_parts(name: str, size: int, parts: int) -> None:
    dtype = BY_NAME[name]
    assert (dtype.itemsize, dtype.bits, dtype.parts) == (size, 8 * size, parts)


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_elements_are_little_endian(dtype: DType) -> None:
    data = b"\x01" + bytes(dtype.scalar.itemsize - 1)
    assert int.from_bytes(np.frombuffer(data, dtype.scalar).tobytes(), "little") == 1
    assert dtype.scalar == dtype.scalar.newbyteorder("<")


def test_codes_are_those_of_the_format() -> None:
    assert [dtype.code for dtype in DTYPES] == list(range(16))
    assert {dtype.code for dtype in FOREIGN} == {NO_CODE}


def test_torch_and_dotnet_have_names_of_their_own() -> None:
    assert len(BY_TORCH) == len(ALL)
    assert {dtype.dotnet for dtype in FOREIGN} == {""}
    assert (BY_NAME["bf16"].torch, BY_NAME["bf16"].dotnet) == ("bfloat16", "BFloat16")


def test_a_dtype_is_shown_by_its_name() -> None:
    assert repr(BY_NAME["bf16"]) == "<DType bf16>"
