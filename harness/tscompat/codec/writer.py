"""Writes state dicts and tensors in canonical form, large tensors straight from their own memory.

The layout is that of upstream's Module.save_state_dict (src/TorchSharp/NN/Module.cs) and Tensor.Save
(src/TorchSharp/Tensor/TensorExtensionMethods.cs). May import values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

import numpy as np
from typing_extensions import Buffer

from tscompat.values.dtypes import DType
from tscompat.values.tensors import Entry, Tensor, count_elements, tensor_of

from . import leb128

CHUNK = 1 << 18
"""Names, headers and small tensors are joined up to this many bytes: a copy costs less than system calls."""


def encode_state_dict(entries: Collection[Entry]) -> Iterator[Buffer]:
    """The canonical file as a stream of flat buffers; those of large tensors are views of the tensors' own memory.

    Order and duplicates are written as given. Raises ValueError, perhaps after part of the stream, for a name that has
    no UTF-8 form, a dtype without a code, and a tensor whose bytes do not fit its dtype and shape.
    """
    pieces: list[Buffer] = [leb128.encode(len(entries))]
    size = 0
    for name, (dtype, shape, data) in entries:
        header, nbytes = _header(dtype, shape)
        found = memoryview(data).nbytes
        if found != nbytes:
            raise ValueError(
                f"{name!r}: {dtype.name} of shape {list(shape)} needs {nbytes} bytes; the data has {found}"
            )
        try:
            encoded = name.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the name {name!r} has no UTF-8 form: {error.reason}") from error
        length = len(encoded)
        pieces += leb128.encode(length), encoded, header, data
        size += length + nbytes
        if size >= CHUNK:
            pieces.pop()
            yield b"".join(pieces)
            yield _flat(data)
            pieces.clear()
            size = 0
    if pieces:
        yield b"".join(pieces)


def encode_tensor(tensor: Tensor) -> Iterator[Buffer]:
    """The canonical file of a single tensor, which has neither count nor name.

    Raises ValueError for a dtype without a code, and for a tensor whose bytes do not fit its dtype and shape.
    """
    dtype, shape, data = tensor_of(*tensor)
    yield _header(dtype, shape)[0]
    yield _flat(data)


@lru_cache  # a model has thousands of tensors and few shapes
def _header(dtype: DType, shape: tuple[int, ...]) -> tuple[bytes, int]:
    """What comes before the elements, and how many bytes the elements take."""
    header = b"".join(map(leb128.encode, (dtype.code, len(shape), *shape)))
    return header, dtype.itemsize * count_elements(shape)


def _flat(data: Buffer) -> memoryview:
    return memoryview(np.frombuffer(data, np.uint8))
