"""numpy's objects in pickles: dtypes, arrays and scalars. Imports its neighbours. May import values.

Their form in a pickle: ``array_reconstruct``, ``array_setstate`` and ``arraydescr_setstate`` in numpy's multiarray.
"""

from __future__ import annotations

import re

import numpy as np
from typing_extensions import Buffer

from tscompat.values.dtypes import BY_TORCH, FOREIGN
from tscompat.values.tensors import count_elements

from .described import Storage, Tensor, are_sizes, tensor, unreadable
from .inert import Global, OldText, Value, is_bytes, is_sequence, is_tuple
from .machine import PickleError

_TORCH = {
    **{"b1": "bool", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64"},
    **{"i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64"},
    **{"f2": "float16", "f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128"},
    **{name: name for name in ("bfloat16", *(dtype.torch for dtype in FOREIGN if dtype.torch.startswith("float8")))},
}
"""torch's dtypes of numpy's and ml_dtypes'."""
_KNOWN = re.compile(r"([<>|=]?)([biufcSUVOMmT]\d*)")
_MOST_DIMS = 64

_NUMBER = re.compile(r"[biufc]\d+")


class NumpyDType:
    """A dtype of numpy: its kind and size (``f4``), and whether it is big-endian."""

    __slots__ = ("code", "swapped")

    def __init__(self, code: str, order: str = "") -> None:
        self.code = code
        self.swapped = order == ">"


class Array:
    """An array. Its state comes after it."""

    __slots__ = ("state", "tensor")

    def __init__(self) -> None:
        self.tensor: Tensor | None = None


def dtype_of(args: Value) -> NumpyDType:
    """``numpy.dtype('f4', False, True)``, or of a class of ml_dtypes."""
    if args and isinstance(args[0], Global):
        return NumpyDType(args[0].name if args[0].module == "ml_dtypes" else "")
    found = _KNOWN.fullmatch(args[0]) if args and isinstance(args[0], str) else None
    return NumpyDType(found[2], found[1]) if found else NumpyDType("")


def build_dtype(dtype: NumpyDType, state: Value) -> None:
    """The state is ``(version, order of bytes, ...)``; for structured and dated types, ``code`` becomes empty."""
    if not is_tuple(state) or len(state) < 2:
        raise PickleError("damaged: the state of a numpy dtype is none")
    fields: tuple[Value, ...] = state
    dtype.swapped = (isinstance(fields[1], str) and fields[1] == ">") or (is_bytes(fields[1]) and fields[1] == b">")
    if any(each is not None for each in fields[2:5]):
        dtype.code = ""


def build_array(array: Array, state: Value) -> None:
    """The state is ``(version, shape, dtype, whether in Fortran's order, bytes)``; old files lack the version."""
    fields: list[Value] = [*state] if is_tuple(state) else []
    match fields[-4:]:
        case _ if len(fields) > 5:
            words = f"an array of a class of its own, with {len(fields)} fields in its state"
            array.tensor = unreadable(f"{words}: save numpy.asarray() of it")
        case [shape, dtype, fortran, data]:
            array.tensor = from_bytes(data, dtype, shape, fortran=fortran is True or fortran == 1)
        case _:
            raise PickleError("damaged: the state of a numpy array is none")


def from_bytes(data: Value, dtype: Value, shape: Value, *, fortran: bool) -> Tensor:
    """An array over bytes. Raises PickleError where these are not as many as dtype and shape need."""
    if not isinstance(dtype, NumpyDType) or not is_sequence(shape) or len(shape) > _MOST_DIMS or not are_sizes(shape):
        raise PickleError("damaged: a numpy array has no dtype or no shape")
    shape = tuple(shape)
    if dtype.code not in _TORCH:
        what = "of Python objects" if dtype.code.startswith("O") else f"of numpy's dtype {dtype.code or 'with fields'}"
        return unreadable(f"an array {what}, which has no counterpart among tensors", shape)
    raw = _bytes(data)
    known = BY_TORCH[_TORCH[dtype.code]]
    if memoryview(raw).nbytes != known.itemsize * count_elements(shape):
        raise PickleError(
            f"damaged: an array of {known.itemsize * count_elements(shape):,} bytes has {memoryview(raw).nbytes:,}"
        )
    storage = Storage(known.torch, memoryview(raw).nbytes, lambda: raw, swapped=dtype.swapped)
    steps: list[int] = []
    step = 1
    for dim in shape if fortran else reversed(shape):
        steps.append(step)
        step *= max(dim, 1)
    stride = tuple(steps) if fortran else tuple(reversed(steps))
    return tensor(storage, 0, shape, stride)


def _bytes(data: Value) -> Buffer:
    if isinstance(data, OldText):
        return data.raw
    if isinstance(data, str):  # Python 2's bytes, saved again by Python 3
        try:
            return data.encode("latin-1")
        except UnicodeEncodeError:
            raise PickleError("damaged: an array's bytes are text") from None
    if is_bytes(data):
        return data
    raise PickleError("damaged: an array has no bytes")


def scalar(args: Value) -> Value:
    """``numpy.core.multiarray.scalar(dtype, bytes)``: a number of Python's; None for another."""
    if len(args) < 2 or not isinstance(args[0], NumpyDType) or not _NUMBER.fullmatch(args[0].code):
        return None
    storage = from_bytes(args[1], args[0], (), fortran=False).storage
    order = ">" if args[0].swapped else "<"
    return None if storage is None else np.frombuffer(storage.read(), f"{order}{args[0].code}")[0].item()
