"""Tensors and state dicts: a tensor is dtype, shape and bytes; a state dict is named tensors in order.

Codec, catalogue and comparison use only these. Imports its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from .dtypes import DType

_MOST = 2**63 - 1
"""libtorch counts elements in an int64."""


def count_elements(shape: Sequence[int]) -> int:
    """Number of elements of a tensor of this shape; 1 for ``()``. Above 2^63-1 a lower bound.

    Linear in the rank. The exact product of a hostile shape would have as many digits as the rank, and take quadratic
    time.
    """
    if 0 in shape:
        return 0
    count = 1
    for dim in shape:
        count *= dim
        if count > _MOST:
            break
    return count


class Tensor(NamedTuple):
    """A tensor as a file holds it. A state dict may have 20,000 tensors, and named tuples are quick to make."""

    dtype: DType
    shape: tuple[int, ...]
    data: Buffer
    """The elements, row-major, little-endian, contiguous: in an array, a mapped file, or memory of torch or .NET."""

    @property
    def numel(self) -> int:
        """Number of elements; 1 for a 0-d tensor."""
        return count_elements(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, computed from dtype and shape."""
        return self.dtype.itemsize * count_elements(self.shape)


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


def as_float64(tensor: Tensor) -> NDArray[np.float64]:
    """The elements as a flat array of float64, which holds every float type exactly; a complex one is two numbers."""
    return np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar).astype(np.float64)


def flipped(entries: StateDict, at: int) -> StateDict:
    """The entries, but for the lowest bit of one byte of the first tensor's elements. Raises IndexError beyond them."""
    (name, tensor), *others = entries
    data = bytearray(tensor.data)
    data[at] ^= 1
    return [Entry(name, tensor._replace(data=bytes(data))), *others]
