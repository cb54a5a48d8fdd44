"""What the tests of verbs share: items of arrays and of mapped files, and models made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tscompat.codec import encode_state_dict
from tscompat.files.item import Item
from tscompat.resources.whole import write_whole
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import Entry, tensor_of


def entry(name: str, values: ArrayLike, dtype: str = "f32") -> Entry:
    """A tensor with these values; of a complex type the last axis has real and imaginary parts."""
    known = BY_NAME[dtype]
    array: Any = np.asarray(values, known.scalar)
    shape = array.shape if known.parts == 1 else array.shape[:-1]
    return Entry(name, tensor_of(known, shape, array.tobytes()))


def item(values: ArrayLike, dtype: str = "f32", name: str = "w") -> Item:
    """The same, as an item."""
    name, tensor = entry(name, values, dtype)
    return Item(name, tensor.dtype, tensor.shape, lambda: tensor.data, copies=False)


def item_of_bits(bits: Sequence[int], dtype: DType) -> Item:
    """A one-dimensional item with these bit patterns of its scalars."""
    data = np.array(bits, f"<u{dtype.scalar.itemsize}").tobytes()
    return Item("w", dtype, (len(bits) // dtype.parts,), lambda: data, copies=False)


def write(path: Path, *entries: Entry) -> Path:
    """A state dict of TorchSharp."""
    write_whole(path, encode_state_dict(entries))
    return path
