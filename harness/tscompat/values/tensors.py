"""Tensors and state dicts: a tensor is dtype, shape and bytes; a state dict is named tensors in order.

Codec, catalogue and comparison use only these. Imports its neighbours.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

from typing_extensions import Buffer

from .dtypes import DType


class Tensor(NamedTuple):
    """A tensor as a file holds it. A state dict may have 20,000 tensors, and named tuples are quick to make."""

    dtype: DType
    shape: tuple[int, ...]
    data: Buffer
    """The elements, row-major, little-endian, contiguous: in an array, a mapped file, or memory of torch or .NET."""

    @property
    def numel(self) -> int:
        """Number of elements; 1 for a 0-d tensor."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, computed from dtype and shape."""
        return self.dtype.itemsize * math.prod(self.shape)


class Entry(NamedTuple):
    """One name and its tensor."""

    name: str
    tensor: Tensor


StateDict: TypeAlias = list[Entry]
"""Named tensors in order. Duplicates are allowed, because order and duplicates are under test."""


class Quantizer(NamedTuple):
    """How a quantized tensor's integers become reals: ``scale * (integer - zero_point)``, the same for all elements."""

    scale: float = 1.0
    zero_point: int = 0


PLAIN = Quantizer()
"""The quantizer of a case that names none: each real equals its integer."""


def tensor_of(dtype: DType, shape: tuple[int, ...], data: Buffer) -> Tensor:
    """Make a tensor. Raises ValueError unless ``data`` has exactly the bytes that ``dtype`` and ``shape`` take."""
    tensor = Tensor(dtype, shape, data)
    size = memoryview(data).nbytes
    if size != tensor.nbytes:
        raise ValueError(
            f"a {dtype.name} tensor of shape {list(shape)} needs {tensor.nbytes} bytes; the data has {size}"
        )
    return tensor


def flipped(entries: StateDict, at: int) -> StateDict:
    """The entries, but for the lowest bit of one byte of the first tensor's elements. Raises IndexError beyond them."""
    (name, tensor), *others = entries
    data = bytearray(tensor.data)
    data[at] ^= 1
    return [Entry(name, tensor._replace(data=bytes(data))), *others]
