"""ULP: the distance from a floating-point number to its next neighbour of the same type. Imports its neighbours.

routes/agreement.py measures distances in ULP: ``ulp`` returns the size of one ULP, ``furthest`` the largest number of
ULP between elements of two tensors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dtypes import DType
from .tensors import Tensor


class Apart(NamedTuple):
    """The largest distance between two tensors, and where it is."""

    ulps: int
    at: tuple[int, ...]
    """The index of the element with this distance; a complex element counts with the part that is further off."""


def ulp(dtype: DType, value: float) -> float:
    """The size of one ULP at ``value``, a normal number of this dtype.

    Raises ValueError for 0, and for a dtype that is neither float nor complex.
    """
    if dtype.mantissa_bits is None or not value:
        raise ValueError(f"no ULP is defined for {dtype.name} at {value}")
    _, exponent = math.frexp(value)  # of a fraction from 0.5 to 1; math.log2 rounds up just below a power of two
    return math.ldexp(1.0, exponent - 1 - dtype.mantissa_bits)


def furthest(one: Tensor, other: Tensor) -> Apart:
    """The largest distance between two float or complex tensors of one dtype and shape; 0 at () without elements.

    Zero and negative zero are 0 apart, and so are two NaNs; a NaN and a number are as far apart as their bits.
    """
    if not one.nbytes:
        return Apart(0, ())
    a, b = _places(one), _places(other)
    apart = np.where(a > b, a, b) - np.where(a > b, b, a)
    apart[_nans(one) & _nans(other)] = 0
    place = int(apart.argmax())
    index = np.unravel_index(place // one.dtype.parts, one.shape)
    return Apart(int(apart[place]), tuple(map(int, index)))


def _places(tensor: Tensor) -> NDArray[np.uint64]:
    """The rank of each part among all floats of its type, from the most negative up: adjacent floats are 1 apart."""
    size = tensor.dtype.scalar.itemsize
    bits = np.frombuffer(tensor.data, f"<u{size}").astype(np.uint64)
    half = np.uint64(1 << (8 * size - 1))
    return np.where(bits >= half, half - (bits - half), bits + half)


def _nans(tensor: Tensor) -> NDArray[np.bool_]:
    return np.isnan(np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar).astype(np.float64))
