"""The only table of element types: every other module looks dtypes up here. Imports nothing of ours.

The codes are those of TorchSharp's ``ScalarType`` (src/TorchSharp/Tensor/torch.ScalarType.cs upstream), which are
libtorch's. An element is ``parts`` scalars of one numpy type: numpy has no complex32, but two float16 hold its bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np

Kind: TypeAlias = Literal["integer", "float", "complex", "bool", "quantized"]
"""What an element stands for. A quantized element is a raw integer; its tensor has a scale and a zero point."""


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type. Compare with ``is``: there is one object per row of the table."""

    name: str
    """The short name, with which a case id ends: ``bf16``."""
    code: int
    """The type's number in TorchSharp's files; ``NO_CODE`` if TorchSharp does not have the type."""
    scalar: np.dtype[Any]
    """The numpy (or ml_dtypes) type of one part, little-endian."""
    parts: int
    """1, or 2 for complex numbers (real, imaginary)."""
    torch: str
    """The type's name in the ``torch`` module."""
    dotnet: str
    """The member of TorchSharp's ``ScalarType``; empty without a code. complex32 has no member: its name is ours."""
    kind: Kind
    mantissa_bits: int | None = None
    """Stored bits of the mantissa of one part (bfloat16: 7); None unless ``kind`` is float or complex."""

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.scalar.itemsize * self.parts

    @property
    def bits(self) -> int:
        """Bits of one element."""
        return 8 * self.itemsize

    def __repr__(self) -> str:
        return f"<DType {self.name}>"


NO_CODE = -1


def _row(
    name: str, code: int, scalar: Any, torch: str, dotnet: str, kind: Kind = "integer", mantissa: int | None = None
) -> DType:
    parts = 2 if kind == "complex" else 1
    return DType(name, code, np.dtype(scalar).newbyteorder("<"), parts, torch, dotnet, kind, mantissa)


DTYPES: tuple[DType, ...] = (
    _row("u8", 0, np.uint8, "uint8", "Byte"),
    _row("i8", 1, np.int8, "int8", "Int8"),
    _row("i16", 2, np.int16, "int16", "Int16"),
    _row("i32", 3, np.int32, "int32", "Int32"),
    _row("i64", 4, np.int64, "int64", "Int64"),
    _row("f16", 5, np.float16, "float16", "Float16", "float", 10),
    _row("f32", 6, np.float32, "float32", "Float32", "float", 23),
    _row("f64", 7, np.float64, "float64", "Float64", "float", 52),
    _row("c32", 8, np.float16, "complex32", "ComplexFloat16", "complex", 10),
    _row("c64", 9, np.float32, "complex64", "ComplexFloat32", "complex", 23),
    _row("c128", 10, np.float64, "complex128", "ComplexFloat64", "complex", 52),
    _row("bool", 11, np.bool_, "bool", "Bool", "bool"),
    _row("qi8", 12, np.int8, "qint8", "QInt8", "quantized"),
    _row("qu8", 13, np.uint8, "quint8", "QUInt8", "quantized"),
    _row("qi32", 14, np.int32, "qint32", "QInt32", "quantized"),
    _row("bf16", 15, ml_dtypes.bfloat16, "bfloat16", "BFloat16", "float", 7),
)

FOREIGN: tuple[DType, ...] = (
    _row("u16", NO_CODE, np.uint16, "uint16", ""),
    _row("u32", NO_CODE, np.uint32, "uint32", ""),
    _row("u64", NO_CODE, np.uint64, "uint64", ""),
    _row("f8-e4m3fn", NO_CODE, ml_dtypes.float8_e4m3fn, "float8_e4m3fn", "", "float", 3),
    _row("f8-e4m3fnuz", NO_CODE, ml_dtypes.float8_e4m3fnuz, "float8_e4m3fnuz", "", "float", 3),
    _row("f8-e5m2", NO_CODE, ml_dtypes.float8_e5m2, "float8_e5m2", "", "float", 2),
    _row("f8-e5m2fnuz", NO_CODE, ml_dtypes.float8_e5m2fnuz, "float8_e5m2fnuz", "", "float", 2),
    _row("f8-e8m0fnu", NO_CODE, ml_dtypes.float8_e8m0fnu, "float8_e8m0fnu", "", "float", 0),
)
"""Types that torch has and TorchSharp lacks; only ``tscompat convert`` handles them."""

BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in DTYPES}
BY_CODE: dict[int, DType] = {dtype.code: dtype for dtype in DTYPES}
BY_TORCH: dict[str, DType] = {dtype.torch: dtype for dtype in (*DTYPES, *FOREIGN)}
