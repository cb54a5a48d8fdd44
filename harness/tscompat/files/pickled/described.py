"""Descriptions of tensors and arrays: dtype, sizes, strides, offset, storage. Their elements are read through items.

Imports its neighbours. May import values. Of files it imports item.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeGuard

import numpy as np
from typing_extensions import Buffer

from tscompat.files.item import Item, ModelFileError, Unfit
from tscompat.values.dtypes import BY_TORCH, DType
from tscompat.values.tensors import PLAIN, Quantizer, count_elements
from tscompat.values.text import shown

from .inert import Global, Value, is_sequence
from .machine import PickleError

_MOST_RANK = 64
"""Of a tensor that is not contiguous: numpy has no more dims."""
_MOST_DIMS = 1 << 10
_MOST_EXPANDED = 1 << 28
"""Bytes that an expanded tensor may take beyond those of its storage."""
_WORDS = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}
"""Numpy types of elements, by size, with which bits are only moved."""


class Storage:
    """Memory that tensors share, in a record of the file."""

    __slots__ = ("copies", "dtype", "nbytes", "read", "swapped", "where")

    def __init__(
        self,
        dtype: str,
        nbytes: int,
        read: Callable[[], Buffer],
        *,
        where: int | None = None,
        copies: bool = False,
        swapped: bool = False,
    ) -> None:
        self.dtype = dtype
        """torch's name of its dtype; empty for an untyped one."""
        self.nbytes = nbytes
        self.read = read
        """Gives all its bytes. Raises ModelFileError where they are damaged, and OSError."""
        self.where = where
        """Its first byte in the file, if that is known and it lies there as it is."""
        self.copies = copies
        """Whether ``read`` makes a copy."""
        self.swapped = swapped
        """Whether its elements are big-endian: their dtype is that of the tensor."""


class Tensor:
    """A tensor that is not read."""

    __slots__ = ("conj", "dtype", "neg", "offset", "quantizer", "shape", "storage", "stride", "why")

    def __init__(
        self, storage: Storage | None, dtype: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        self.storage = storage
        self.dtype = dtype
        """torch's name of the dtype."""
        self.offset = offset
        """Elements in the storage before its first one."""
        self.shape = shape
        self.stride = stride
        """In elements."""
        self.quantizer: Quantizer = PLAIN
        self.conj = False
        self.neg = False
        self.why = ""
        """Why no file can hold it, if none can."""

    @property
    def numel(self) -> int:
        """Number of elements."""
        return count_elements(self.shape)


def unreadable(why: str, shape: tuple[int, ...] = (1,)) -> Tensor:
    """A tensor of which only this is known: why no file can hold it."""
    made = Tensor(None, "", 0, shape, ())
    made.why = why
    return made


def tensor(storage: Value, offset: Value, size: Value, stride: Value, dtype: str = "") -> Tensor:
    """A tensor over a storage. Raises PickleError where the numbers are none, or reach outside of it."""
    if not isinstance(storage, Storage):
        raise PickleError("damaged: a tensor has no storage")
    if is_sequence(size) and len(size) > _MOST_DIMS:
        raise PickleError(f"damaged: a tensor has {len(size):,} dims, more than {_MOST_DIMS:,}")
    if not are_sizes(size) or not are_sizes(stride) or not are_sizes((offset,)) or len(size) != len(stride):
        raise PickleError("damaged: a tensor has sizes, strides or an offset that are no numbers from 0 on")
    made = Tensor(storage, dtype or storage.dtype, offset, tuple(size), tuple(stride))
    known = BY_TORCH.get(made.dtype)
    if known is not None and made.numel:
        last = offset + sum((dim - 1) * step for dim, step in zip(size, stride, strict=True))
        if (last + 1) * known.itemsize > storage.nbytes:
            raise PickleError(
                f"damaged: a tensor of sizes {_brief(made.shape)} ends at byte {(last + 1) * known.itemsize:,} of its "
                f"storage, which has {storage.nbytes:,}"
            )
    return made


def are_sizes(value: Value) -> TypeGuard[tuple[int, ...]]:
    """Whether the value is a tuple or list of integers from 0 to 2**63 - 1."""
    if not is_sequence(value):
        return False
    return not value or (set(map(type, value)) == {int} and min(value) >= 0 and max(value) < 1 << 63)


def _brief(shape: tuple[int, ...]) -> str:
    return str([*shape]) if len(shape) <= 8 else f"{[*shape[:8]]} ... of {len(shape)} dims"


def item(name: str, value: Tensor) -> Item | Unfit:
    """The item of a tensor, an ``Unfit`` for one that no file can hold."""
    dtype, storage = BY_TORCH.get(value.dtype), value.storage
    if value.why or storage is None:
        return Unfit(name, value.why)
    if dtype is None:
        return Unfit(name, f"of torch.{shown(value.dtype)}, which can only be converted in Python")
    nbytes = dtype.itemsize * value.numel
    if nbytes > storage.nbytes + _MOST_EXPANDED:
        return Unfit(
            name,
            f"an expanded tensor: {nbytes:,} bytes, of which the file has {storage.nbytes:,}: contiguous() it, if its "
            "values are meant",
        )
    contiguous = _is_contiguous(value.shape, value.stride) or not value.numel
    if not contiguous and len(value.shape) > _MOST_RANK:
        return Unfit(name, f"has {len(value.shape)} dims and is not contiguous: contiguous() it in Python")
    swapped = storage.swapped and dtype.scalar.itemsize > 1
    plain = contiguous and not (value.conj or value.neg or swapped)
    start = value.offset * dtype.itemsize if value.numel else 0
    layout = value.shape, start, value.stride, value.conj, value.neg
    tie = (id(storage), dtype.name, value.quantizer, *layout) if value.numel else None
    return Item(
        name,
        dtype,
        value.shape,
        lambda: _elements(value, dtype, start, nbytes, contiguous=contiguous),
        copies=not plain or storage.copies,
        quantizer=value.quantizer,
        tie=tie,
        offset=storage.where + start if plain and storage.where is not None else None,
    )


def _is_contiguous(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for dim, step in zip(reversed(shape), reversed(stride), strict=True):
        if dim != 1:
            if step != expected:
                return False
            expected *= dim
    return True


def _elements(value: Tensor, dtype: DType, start: int, nbytes: int, *, contiguous: bool) -> Buffer:
    """The elements, row-major: strides, conj, neg and the order of bytes resolved."""
    storage = value.storage
    assert storage is not None
    if not nbytes:
        return b""
    data = memoryview(storage.read()).cast("B")
    if len(data) != storage.nbytes:
        raise ModelFileError(f"damaged: a storage of {storage.nbytes:,} bytes has {len(data):,}")
    if contiguous:
        found: np.ndarray = np.frombuffer(data[start : start + nbytes], np.uint8)
    else:
        words = np.dtype(_WORDS[dtype.itemsize])
        # The stride of a dim of 1 means nothing, and may be any number.
        dims = [(dim, step * dtype.itemsize) for dim, step in zip(value.shape, value.stride, strict=True) if dim != 1]
        view = np.ndarray([dim for dim, _ in dims], words, data, start, [step for _, step in dims])
        found = np.ascontiguousarray(view).reshape(-1).view(np.uint8)
    if storage.swapped:
        found = found.view(f"u{dtype.scalar.itemsize}").byteswap().view(np.uint8)
    if value.conj or value.neg:
        found = found.copy()
        _flip_signs(found, dtype, value)
    return found


def _flip_signs(data: np.ndarray, dtype: DType, value: Tensor) -> None:
    """Negate in place, bit by bit: the imaginary parts for conj, all parts for neg. Arithmetic may change a NaN."""
    size = dtype.scalar.itemsize
    if value.neg:
        data[size - 1 :: size] ^= 0x80
    if value.conj:
        data[2 * size - 1 :: 2 * size] ^= 0x80


DTYPES_OF_STORAGES = {
    **{"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64"},
    **{"Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"},
    **{"ComplexDouble": "complex128", "ComplexFloat": "complex64", "ComplexHalf": "complex32"},
    **{"QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4"},
    **{"Untyped": "", "Float8_e5m2": "float8_e5m2", "Float8_e4m3fn": "float8_e4m3fn"},
}
"""torch's dtype of each storage class, which is called ``FloatStorage`` (torch/__init__.py, torch/storage.py)."""
ITEMSIZES = {"quint4x2": 1, "quint2x4": 1, "": 1}


@lru_cache(maxsize=64)
def _storage_class(value: Global) -> tuple[str, int] | None:
    dtype = DTYPES_OF_STORAGES.get(value.name.removesuffix("Storage"))
    if value.module.split(".")[0] != "torch" or dtype is None or not value.name.endswith("Storage"):
        return None
    return dtype, BY_TORCH[dtype].itemsize if dtype in BY_TORCH else ITEMSIZES[dtype]


def storage_class(value: Value) -> tuple[str, int] | None:
    """torch's dtype of a storage class, and bytes of an element; None for another object."""
    return _storage_class(value) if type(value) is Global else None
