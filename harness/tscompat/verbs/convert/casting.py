"""Casts the values of floating tensors to another floating type, when they are read. May import values, files.

A value becomes the nearest one of the new type; of two that are as near, the one whose last bit is 0. What is too large
becomes infinity, or NaN where the type has no infinity (where torch 2.13 takes the largest number of float8_e4m3fn).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from tscompat.files.item import Item, ModelFileError
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.verbs.pieces import PIECE, pieces, scalars

_SCALES = "float8_e8m0fnu"
"""A floating type that has powers of two and no zero: it holds the scales of other tensors, and no weights."""


def floating(name: str) -> DType:
    """The floating type of this name, as ``bf16`` or as ``bfloat16``. Raises ModelFileError for any other."""
    dtype = BY_NAME.get(name) or BY_TORCH.get(name.removeprefix("torch."))
    if dtype is None or dtype.kind != "float" or dtype.torch == _SCALES:
        known = [each.torch for each in BY_TORCH.values() if each.kind == "float" and each.torch != _SCALES]
        raise ModelFileError(f"--dtype {name}: expected a floating type, one of {', '.join(known)}")
    return dtype


class Cast:
    """Casts items to one type, and counts what overflows."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self._overflowed: dict[str, int] = {}

    @property
    def overflowed(self) -> Mapping[str, int]:
        """How many numbers became infinite or NaN (infinities NaN), by the names of the items that were read so far."""
        return {name: count for name, count in self._overflowed.items() if count}

    def keeps(self, item: Item) -> bool:
        """Whether the type holds all values of the item's."""
        if item.dtype.kind != "float":
            return True
        about: Any = ml_dtypes.finfo
        ours, theirs = about(self.dtype.scalar), about(item.dtype.scalar)
        smaller = ours.smallest_subnormal <= theirs.smallest_subnormal
        return bool(ours.nmant >= theirs.nmant and ours.max >= theirs.max and smaller)

    def __call__(self, item: Item) -> Item:
        """The same item with other elements; items of another kind than floating, and of the type itself, stay."""
        if item.dtype.kind != "float" or item.dtype is self.dtype:
            return item
        return item._replace(dtype=self.dtype, read=lambda: self._read(item), copies=True, offset=None)

    def _read(self, item: Item) -> Buffer:
        count = item.nbytes // item.dtype.itemsize
        made = np.empty(count, self.dtype.scalar)
        at = overflowed = 0
        for piece in pieces(item, PIECE // 8):
            values = scalars(item.dtype, piece)
            cast = made[at : at + values.size]
            cast[:] = _cast(values, self.dtype)
            infinite = np.isfinite(values) & ~np.isfinite(cast)
            overflowed += int(np.count_nonzero(infinite | (np.isinf(values) & np.isnan(cast))))
            at += values.size
        self._overflowed[item.name] = overflowed
        return made.view(np.uint8)


def _cast(values: NDArray[Any], dtype: DType) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        # numpy itself casts float64 to float16; ml_dtypes casts by float32, so that values would be rounded twice.
        if values.dtype == np.float64 and dtype.scalar.itemsize < 4 and dtype.scalar != np.float16:
            values = _odd(values)
        return values.astype(dtype.scalar)


def _odd(values: NDArray[Any]) -> NDArray[Any]:
    """float64 as float32, rounded to odd: what is not exact gets a last bit of 1, so that it is no tie for a type with
    fewer bits, and rounds there as the exact value does.
    """
    single = values.astype(np.float32)
    back = single.astype(np.float64)
    bits = single.view(np.uint32)
    finite = ~np.isnan(values)
    bits[finite & (np.abs(back) > np.abs(values))] -= 1
    bits[finite & (back != values)] |= 1
    return single
