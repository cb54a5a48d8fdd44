"""How far apart elements are, counted in values of their type between them. Imports its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dtypes import DType

_UNSIGNED = "float8_e8m0fnu"
"""The only floating type without a sign: its codes are in the order of its values."""


def distances(dtype: DType, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.uint64]:
    """The distance of each pair of scalars: of integers their difference, of floats the number of steps (ULPs).

    Both arrays are of ``dtype.scalar``: a complex element is two scalars. The two zeros are at no distance. Where
    either is NaN the number means nothing.
    """
    left, right = _ordered(dtype, a), _ordered(dtype, b)
    # The difference of two int64 fits a uint64, in which numpy computes modulo 2**64.
    return np.maximum(left, right).view(np.uint64) - np.minimum(left, right).view(np.uint64)


def _ordered(dtype: DType, scalars: NDArray[Any]) -> NDArray[np.int64]:
    """A number for each scalar; the numbers of neighbours are neighbours."""
    size = dtype.scalar.itemsize
    bits: NDArray[Any] = scalars.view(f"<u{size}")
    if dtype.kind not in ("float", "complex"):
        if dtype.scalar == np.uint64:
            return (bits ^ np.uint64(1 << 63)).view(np.int64)
        return (bits if dtype.kind == "bool" else scalars).astype(np.int64)
    if dtype.torch == _UNSIGNED:
        return bits.astype(np.int64)
    sign = bits.dtype.type(1 << (8 * size - 1))
    magnitude = (bits & ~sign).astype(np.int64)
    return np.where(bits & sign, -magnitude, magnitude)
