"""The writers, and a table of them by suffix. May import values, codec."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy

from tscompat.codec import encode_state_dict, encode_tensor
from tscompat.values.dtypes import NO_CODE
from tscompat.values.tensors import PLAIN, Tensor

from . import torch_item
from .item import Item, LazyEntries, ModelFileError
from .output import Sink
from .safetensors import DTYPES, METADATA
from .spool import spooled

_NUMPY = frozenset(
    (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
)
"""The dtypes that numpy itself defines, by torch's names, which are numpy's."""
_DIMS = 64
"""The dims of an array of numpy, at most."""
MOST_HEADER = 100_000_000
"""The largest header, in bytes, that the safetensors library reads (``MAX_HEADER_SIZE`` in its tensor.rs)."""


class Writer(NamedTuple):
    """How files of a suffix are written."""

    unfit: Callable[[Item], str]
    """Why the format cannot hold a tensor; empty if it can."""
    by_torch: bool
    """Whether torch.save writes the file: tied names stay tied, and all tensors are needed at once."""
    write: Callable[[Sink, Sequence[Item]], None] | None
    """Writes named tensors; None where the format has no names."""
    write_single: Callable[[Sink, Item], None] | None
    """Writes a tensor without a name; None where the format has names only."""


def _advice(item: Item) -> str:
    """What to do with a dtype that a format lacks."""
    return "--dtype float32 casts it" if item.dtype.kind == "float" else "convert it to another dtype in Python"


def _unfit_for_dat(item: Item) -> str:
    if item.dtype.code == NO_CODE:
        return f"{item.dtype.torch} has no code in a .dat: {_advice(item)}"
    if item.quantizer != PLAIN:
        scale, zero_point = item.quantizer
        return (
            f"{item.dtype.torch} with scale {scale:g} and zero point {zero_point}, which a .dat cannot store: "
            "dequantize() it in Python"
        )
    return ""


def _write_dat(sink: Sink, items: Sequence[Item]) -> None:
    for buffer in encode_state_dict(LazyEntries(items)):
        sink.write(buffer)


def _write_dat_single(sink: Sink, item: Item) -> None:
    for buffer in encode_tensor(Tensor(item.dtype, item.shape, item.read())):
        sink.write(buffer)


def _unfit_for_safetensors(item: Item) -> str:
    if item.dtype.torch not in DTYPES:
        return f"{item.dtype.torch} does not exist in safetensors: {_advice(item)}"
    if item.name == METADATA:
        return "the name means something else in safetensors: --rename '^__metadata__$=NAME' gives it another one"
    return ""


def _write_safetensors(sink: Sink, items: Sequence[Item]) -> None:
    """Not written by the safetensors library, because it needs all tensors in memory at once.

    Tensors with larger elements come first, so that all are aligned, as the library's readers need it.
    """
    header: dict[str, object] = {METADATA: {"format": "pt"}}
    placed = sorted(items, key=lambda item: -item.dtype.itemsize)
    offset = 0
    for item in placed:
        header[item.name] = {
            "dtype": DTYPES[item.dtype.torch],
            "shape": item.shape,
            "data_offsets": [offset, offset := offset + item.nbytes],
        }
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    if len(encoded) > MOST_HEADER:
        raise ModelFileError(f"{sink.target}: the header needs {len(encoded)} bytes; safetensors allows {MOST_HEADER}")
    sink.write(struct.pack("<Q", len(encoded)) + encoded)
    for item in placed:
        sink.write(np.frombuffer(item.read(), np.uint8))


def _fits(item: Item) -> str:
    return ""


def _write_pickle(sink: Sink, items: Sequence[Item]) -> None:
    tied: dict[Hashable, torch.Tensor] = {}
    state: dict[str, torch.Tensor] = {}
    for number, item in enumerate(spooled(items, sink.target.resolve().parent)):
        tie = number if item.tie is None else item.tie
        if tie not in tied:
            tied[tie] = torch_item.tensor_of(item)
        state[item.name] = tied[tie]
    save(sink, state)


def _write_pickle_single(sink: Sink, item: Item) -> None:
    save(sink, torch_item.tensor_of(item))


def _unfit_for_npy(item: Item) -> str:
    if item.dtype.torch not in _NUMPY:
        return f"{item.dtype.torch} is no dtype of numpy's: {_advice(item)}"
    if len(item.shape) > _DIMS:
        return f"it has {len(item.shape)} dims, and numpy allows {_DIMS}"
    return ""


def _write_npy(sink: Sink, item: Item) -> None:
    descr = np.dtype(item.dtype.torch).newbyteorder("<").str
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": item.shape})
    sink.write(header.getvalue())
    sink.write(np.frombuffer(item.read(), np.uint8))


def save(sink: Sink, document: object) -> None:
    """Write the document with torch.save. Raises what the sink raises."""
    try:
        torch.save(document, sink)
    except RuntimeError as error:
        # If writing was interrupted (Ctrl-C, a full disk), torch raises again when it closes its zip file: the cause
        # is the context of that error.
        if error.__context__ is None:
            raise
        raise error.__context__ from None


_PICKLE = Writer(_fits, by_torch=True, write=_write_pickle, write_single=_write_pickle_single)
WRITERS: dict[str, Writer] = {
    ".dat": Writer(_unfit_for_dat, by_torch=False, write=_write_dat, write_single=_write_dat_single),
    ".safetensors": Writer(_unfit_for_safetensors, by_torch=False, write=_write_safetensors, write_single=None),
    ".pth": _PICKLE,
    ".pt": _PICKLE,
    ".npy": Writer(_unfit_for_npy, by_torch=False, write=None, write_single=_write_npy),
}
