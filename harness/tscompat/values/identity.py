"""The identity pattern: every element encodes its tensor and its index, so that a misplaced one can be traced.

The low bits hold the index, the high bits the tensor's number, both modulo what fits. Elements of more than four bytes
repeat the pattern. bool has none: only 0 and 1 are valid. Imports its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dtypes import DType
from .tensors import Entry

_INDEX_BITS = {1: 6, 2: 12, 4: 24}
"""How many bits hold the index, by the size of the pattern in bytes."""


def identity(dtype: DType, tensor_number: int, count: int) -> bytes:
    """The bytes of ``count`` elements of the tensor with this number in its state dict. Raises ValueError for bool."""
    if dtype.kind == "bool":
        raise ValueError("bool has no identity pattern: only 0 and 1 are valid")
    size, index_bits = _layout(dtype)
    indices = np.arange(count) % (1 << index_bits)
    pattern = (indices | tensor_number << index_bits).astype(f"<u{size}")  # takes the number modulo what fits
    return np.repeat(pattern, dtype.itemsize // size).tobytes()


def origins(dtype: DType, element: bytes, entries: Sequence[Entry]) -> list[tuple[int, range]]:
    """The places that an element may come from, if ``entries`` hold the identity pattern.

    A place is a tensor's number in ``entries``, with flat indices in this tensor. There are several places if the
    pattern is too short for the whole number or index, and none if no tensor here has this pattern.
    """
    size, index_bits = _layout(dtype)
    if element != element[:size] * (dtype.itemsize // size):
        return []
    numbers, indices = 1 << (8 * size - index_bits), 1 << index_bits
    number, index = divmod(int.from_bytes(element[:size], "little"), indices)
    return [
        (place, range(index, tensor.numel, indices))
        for place, (_, tensor) in enumerate(entries)
        if place % numbers == number and tensor.dtype.itemsize == dtype.itemsize and index < tensor.numel
    ]


def _layout(dtype: DType) -> tuple[int, int]:
    size = min(dtype.itemsize, 4)
    return size, _INDEX_BITS[size]
