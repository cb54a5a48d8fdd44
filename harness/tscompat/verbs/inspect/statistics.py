"""Minimum, maximum, mean and counts of a tensor's elements, piece by piece. May import values, files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tscompat.files.item import Item
from tscompat.values.dtypes import DType
from tscompat.verbs.pieces import pieces, scalars

from .document import Statistics

_SMALLER = 64
"""Where sums of float64 overflow, all values are divided by two to this power."""
_LOW = 32


@np.errstate(all="ignore")  # of signalling NaNs
def statistics(item: Item) -> tuple[Statistics, ...]:
    """One, or two for complex elements. Raises ModelFileError where the elements are damaged, and OSError."""
    parts = [_Floats() if item.dtype.kind in ("float", "complex") else _Integers() for _ in range(item.dtype.parts)]
    for piece in pieces(item):
        numbers = _numbers(item.dtype, piece)
        for number, part in enumerate(parts):
            part.add(numbers[number :: item.dtype.parts])
    return tuple(part.result() for part in parts)


def _numbers(dtype: DType, piece: NDArray[np.uint8]) -> NDArray[Any]:
    """The elements as numbers of a type that holds them exactly, and that numpy computes with."""
    if dtype.kind == "bool":
        return (piece != 0).view(np.uint8)  # a file may hold other bytes than 0 and 1
    values = scalars(dtype, piece)
    if dtype.kind in ("float", "complex") and dtype.scalar.itemsize < 4:
        return values.astype(np.float32)
    return values


class _Integers:
    """Exact: numpy's sums are of at most ``PIECE`` numbers below 2**32, and Python's integers have no limit."""

    def __init__(self) -> None:
        self._count = self._sum = self._zeros = 0
        self._least: int | None = None
        self._most: int | None = None

    def add(self, values: NDArray[Any]) -> None:
        least, most = int(values.min()), int(values.max())
        self._least = least if self._least is None else min(self._least, least)
        self._most = most if self._most is None else max(self._most, most)
        self._count += values.size
        self._zeros += values.size - int(np.count_nonzero(values))
        if values.dtype.itemsize == 8:
            low = int((values & values.dtype.type(2**_LOW - 1)).sum())
            self._sum += (int((values >> values.dtype.type(_LOW)).sum()) << _LOW) + low
        else:
            self._sum += int(values.sum(dtype=np.int64))

    def result(self) -> Statistics:
        return Statistics(
            minimum=self._least,
            maximum=self._most,
            mean=self._sum / self._count if self._count else None,
            nan=0,
            inf=0,
            minus_inf=0,
            zeros=self._zeros,
        )


class _Floats:
    def __init__(self) -> None:
        self._count = self._zeros = self._nan = self._inf = self._minus_inf = 0
        self._least, self._most = math.inf, -math.inf
        self._sums: list[float] = []
        """Of each piece."""
        self._smaller: list[float] = []
        """The same, divided by two to the power of ``_SMALLER``."""

    def add(self, values: NDArray[Any]) -> None:
        self._zeros += values.size - int(np.count_nonzero(values))
        least, most = float(values.min()), float(values.max())  # NaN if any is
        if not (math.isfinite(least) and math.isfinite(most)):
            self._nan += int(np.count_nonzero(np.isnan(values)))
            self._inf += int(np.count_nonzero(np.isposinf(values)))
            self._minus_inf += int(np.count_nonzero(np.isneginf(values)))
            values = values[np.isfinite(values)]
            if not values.size:
                return
            least, most = float(values.min()), float(values.max())
        self._least, self._most = min(self._least, least), max(self._most, most)
        self._count += values.size
        self._sums.append(float(values.sum(dtype=np.float64)))
        self._smaller.append(
            math.ldexp(self._sums[-1], -_SMALLER)
            if math.isfinite(self._sums[-1])
            else float(np.ldexp(values, -_SMALLER).sum())
        )

    def result(self) -> Statistics:
        return Statistics(
            minimum=self._least if self._count else None,
            maximum=self._most if self._count else None,
            mean=self._mean() if self._count else None,
            nan=self._nan,
            inf=self._inf,
            minus_inf=self._minus_inf,
            zeros=self._zeros,
        )

    def _mean(self) -> float:
        try:
            mean = math.fsum(self._sums) / self._count
        except (OverflowError, ValueError):  # of infinities of both signs
            mean = math.inf
        return mean if math.isfinite(mean) else math.ldexp(math.fsum(self._smaller) / self._count, _SMALLER)
