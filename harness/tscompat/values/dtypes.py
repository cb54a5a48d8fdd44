"""The only table of element types: every other module looks dtypes up here. Imports nothing of ours.

The codes are those of TorchSharp's ``ScalarType`` (src/TorchSharp/Tensor/torch.ScalarType.cs upstream), which are
libtorch's. An element is ``parts`` scalars of one numpy type: numpy has no complex32, but two float16 hold its bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type. Compare with ``is``: there is one object per row of the table."""

    name: str
    """The short name that ends a case id: ``bf16``."""
    code: int
    """Its number in a file; ``NO_CODE`` where the format has none."""
    scalar: np.dtype[Any]
    """The numpy (or ml_dtypes) type of one part, little-endian."""
    parts: int
    """1, or 2 for complex numbers (real, imaginary)."""
    torch: str
    """Its name in the ``torch`` module."""
    dotnet: str
    """The member of TorchSharp's ``ScalarType``; complex32 has a code but no member, and a name by analogy."""

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.scalar.itemsize * self.parts

    @property
    def bits(self) -> int:
        """Bits of one element."""
        return 8 * self.itemsize

    @property
    def quantized(self) -> bool:
        """Whether an element is an integer that needs a scale and a zero point to be a number."""
        return self.torch.startswith("q")

    def __repr__(self) -> str:
        return f"<DType {self.name}>"


NO_CODE = -1


def _row(name: str, code: int, scalar: Any, parts: int, torch: str, dotnet: str) -> DType:
    return DType(name, code, np.dtype(scalar).newbyteorder("<"), parts, torch, dotnet)


DTYPES: tuple[DType, ...] = (
    _row("u8", 0, np.uint8, 1, "uint8", "Byte"),
    _row("i8", 1, np.int8, 1, "int8", "Int8"),
    _row("i16", 2, np.int16, 1, "int16", "Int16"),
    _row("i32", 3, np.int32, 1, "int32", "Int32"),
    _row("i64", 4, np.int64, 1, "int64", "Int64"),
    _row("f16", 5, np.float16, 1, "float16", "Float16"),
    _row("f32", 6, np.float32, 1, "float32", "Float32"),
    _row("f64", 7, np.float64, 1, "float64", "Float64"),
    _row("c32", 8, np.float16, 2, "complex32", "ComplexFloat16"),
    _row("c64", 9, np.float32, 2, "complex64", "ComplexFloat32"),
    _row("c128", 10, np.float64, 2, "complex128", "ComplexFloat64"),
    _row("bool", 11, np.bool_, 1, "bool", "Bool"),
    _row("qi8", 12, np.int8, 1, "qint8", "QInt8"),
    _row("qu8", 13, np.uint8, 1, "quint8", "QUInt8"),
    _row("qi32", 14, np.int32, 1, "qint32", "QInt32"),
    _row("bf16", 15, ml_dtypes.bfloat16, 1, "bfloat16", "BFloat16"),
)

FOREIGN: tuple[DType, ...] = (
    _row("u16", NO_CODE, np.uint16, 1, "uint16", ""),
    _row("u32", NO_CODE, np.uint32, 1, "uint32", ""),
    _row("u64", NO_CODE, np.uint64, 1, "uint64", ""),
    _row("f8-e4m3fn", NO_CODE, ml_dtypes.float8_e4m3fn, 1, "float8_e4m3fn", ""),
    _row("f8-e4m3fnuz", NO_CODE, ml_dtypes.float8_e4m3fnuz, 1, "float8_e4m3fnuz", ""),
    _row("f8-e5m2", NO_CODE, ml_dtypes.float8_e5m2, 1, "float8_e5m2", ""),
    _row("f8-e5m2fnuz", NO_CODE, ml_dtypes.float8_e5m2fnuz, 1, "float8_e5m2fnuz", ""),
    _row("f8-e8m0fnu", NO_CODE, ml_dtypes.float8_e8m0fnu, 1, "float8_e8m0fnu", ""),
)
"""Types that torch has and TorchSharp lacks; only ``tscompat convert`` meets them."""

BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in DTYPES}
BY_CODE: dict[int, DType] = {dtype.code: dtype for dtype in DTYPES}
BY_TORCH: dict[str, DType] = {dtype.torch: dtype for dtype in (*DTYPES, *FOREIGN)}
