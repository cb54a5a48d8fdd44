"""Whole model files, put together by hand: torch's of all times, safetensors, numpy's and TorchSharp's."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from files.by_hand.archives import Member, tarred, zipped
from files.by_hand.documents import NEW, PYTHON_2, STORAGES, TORCH_1_4, Style, array_of_python_2, opcodes_of
from files.by_hand.pickles import assembled

State = Mapping[str, np.ndarray]


def arrays_of_python_2(state: State) -> bytes:
    """A pickle of numpy's arrays, as Python 2 wrote it."""
    return _pickled({name: array_of_python_2(array) for name, array in state.items()}, PYTHON_2)[0]


def torch_zip(document: Any, style: Style = NEW, method: str = "stored", root: str = "archive") -> bytes:
    """The archive that torch.save writes since version 1.6."""
    pickled, arrays = _pickled(document, style)
    records = {"data.pkl": pickled, **{f"data/{key}": each.tobytes() for key, each in enumerate(arrays)}}
    members = {**records, "version": b"3\n"}
    return zipped([Member(f"{root}/{name}", data, method) for name, data in members.items()])


def torch_legacy(document: Any, style: Style = TORCH_1_4) -> bytes:
    """What torch.save wrote before version 1.6."""
    return legacy_of(*_pickled(document, style))


def legacy_of(pickled: bytes, arrays: Sequence[np.ndarray]) -> bytes:
    """What torch.save wrote before version 1.6, with this pickle and these storages."""
    start = assembled(
        "PROTO:2 LONG1:119547037146038801333356 STOP PROTO:2 BININT2:1001 STOP "
        'PROTO:2 EMPTY_DICT BINUNICODE:"little_endian" NEWTRUE SETITEM STOP'
    )
    keys, _ = _pickled([str(key) for key in range(len(arrays))], NEW)
    return start + pickled + keys + b"".join(map(_storage, arrays))


def torch_tar(state: State) -> bytes:
    """The archive of torch 0.1."""
    storages = tensors = assembled(f"BININT:{len(state)} STOP")
    entries: list[str] = []
    for key, (name, array) in enumerate(state.items()):
        kind = STORAGES[array.dtype.name]
        storages += assembled(f'MARK BININT:{key} SHORT_BINSTRING:"cpu" GLOBAL:"torch {kind}Storage" TUPLE STOP')
        storages += _storage(array)
        tensors += assembled(f'MARK BININT:{key + 100} BININT:{key} GLOBAL:"torch {kind}Tensor" TUPLE STOP')
        strides = [step // array.itemsize for step in array.strides]
        tensors += struct.pack(f"<i4x{2 * array.ndim + 1}q", array.ndim, *array.shape, *strides, 0)
        entries.append(f'SHORT_BINSTRING:"{name}" BININT:{key + 100} BINPERSID')
    storages += assembled("EMPTY_LIST STOP")
    document = assembled(f"EMPTY_DICT MARK {' '.join(entries)} SETITEMS STOP")
    return tarred([Member("storages", storages), Member("tensors", tensors), Member("pickle", document)])


def safetensors(state: State, metadata: Mapping[str, str] | None = None, pad: int = 0) -> bytes:
    """A file of safetensors; ``pad`` is the number of spaces after its header."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, array in state.items():
        dtype = f"{array.dtype.kind.upper()}{8 * array.itemsize}"
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")) + " " * pad
    return safetensors_header(text) + b"".join(array.tobytes() for array in state.values())


def safetensors_header(text: str) -> bytes:
    """The header of a file of safetensors, with its length."""
    data = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(data)) + data


def npy_header(text: str) -> bytes:
    """The header of numpy's format 1.0."""
    data = text.encode("utf-8", "surrogatepass")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data


def dat(state: State) -> bytes:
    """TorchSharp's state dict: fewer than 128 tensors, no number above 127."""
    return bytes([len(state)]) + b"".join(
        bytes([len(name)]) + name.encode() + dat_tensor(array) for name, array in state.items()
    )


def dat_tensor(array: np.ndarray) -> bytes:
    """TorchSharp's tensor: the number of its dtype, its rank, its shape, its elements."""
    code = {"float16": 5, "float32": 6, "float64": 7, "int64": 4}[array.dtype.name]
    return bytes([code, array.ndim, *array.shape]) + array.tobytes()


def _pickled(document: Any, style: Style) -> tuple[bytes, list[np.ndarray]]:
    arrays: list[np.ndarray] = []
    return assembled(f"PROTO:2 {opcodes_of(document, style, arrays)} STOP"), arrays


def _storage(array: np.ndarray) -> bytes:
    return struct.pack("<q", array.size) + array.tobytes()
