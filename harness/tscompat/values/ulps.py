"""How far apart elements are, counted in values of their type between them. Imports its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dtypes import DType

_UNSIGNED = "float8_e8m0fnu"
"""The only floating type without a sign: its codes are in the order of its values."""


def distances(dtype: DType, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    """The distance of each pair of scalars: of integers their difference, of floats the number of steps (ULPs).

    Both arrays are of ``dtype.scalar``: a complex element is two scalars. The two zeros are at no distance. Where
    either is NaN the number means nothing. The largest number of the result's type is no distance of floats.
    """
    left, right = _ordered(dtype, a), _ordered(dtype, b)
    # The difference of two signed integers fits an unsigned one of their size, and numpy computes modulo its range.
    unsigned = f"u{dtype.scalar.itemsize}"
    return np.maximum(left, right).view(unsigned) - np.minimum(left, right).view(unsigned)


def _ordered(dtype: DType, scalars: NDArray[Any]) -> NDArray[np.signedinteger]:
    """A number for each scalar; the numbers of neighbours are neighbours."""
    size = dtype.scalar.itemsize
    bits: NDArray[Any] = scalars.view(f"i{size}")
    top = bits.dtype.type(-(1 << (8 * size - 1)))
    if dtype.kind not in ("float", "complex"):
        return bits if dtype.scalar.kind == "i" else bits ^ top
    if dtype.torch == _UNSIGNED:
        return bits ^ top
    negative = bits >> bits.dtype.type(8 * size - 1)  # all bits, where the sign is set
    return (bits ^ (negative & ~top)) - negative
