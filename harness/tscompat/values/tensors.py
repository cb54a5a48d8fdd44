"""The one currency of the house: a tensor is dtype, shape and bytes; a state dict is named tensors in order.

Codec, catalogue, comparison and report speak only these. Imports dtypes and nothing else of ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

from typing_extensions import Buffer

from .dtypes import DType


class Tensor(NamedTuple):
    """A tensor as it stands in a file. A named tuple, because 20,000 of them are made in the time of a blink."""

    dtype: DType
    shape: tuple[int, ...]
    data: Buffer
    """``nbytes`` of elements, row-major, little-endian, contiguous: an array, a mapped file, foreign memory."""

    @property
    def numel(self) -> int:
        """Number of elements; 1 for a 0-d tensor."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, as dtype and shape say."""
        return self.dtype.itemsize * math.prod(self.shape)


class Entry(NamedTuple):
    """One name and its tensor."""

    name: str
    tensor: Tensor


StateDict: TypeAlias = list[Entry]
"""Named tensors in order. Duplicates are allowed, because order and duplicates are things under test."""


class Quantizer(NamedTuple):
    """How a quantized tensor turns its integers into reals: ``scale * (integer - zero_point)``, per tensor."""

    scale: float = 1.0
    zero_point: int = 0


PLAIN = Quantizer()
"""The quantizer of a case that says none: the integers themselves."""


def tensor_of(dtype: DType, shape: tuple[int, ...], data: Buffer) -> Tensor:
    """Make a tensor and hold it to its own size.

    Raises ValueError when ``data`` is not exactly as many bytes as ``dtype`` and ``shape`` say.
    """
    tensor = Tensor(dtype, shape, data)
    size = memoryview(data).nbytes
    if size != tensor.nbytes:
        raise ValueError(f"a {dtype.name} tensor of shape {list(shape)} takes {tensor.nbytes} bytes, not {size}")
    return tensor
