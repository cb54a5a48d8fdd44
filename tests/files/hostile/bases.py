"""What hostile files start from: a whole file of each kind, and the opcodes that a row may name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from files.by_hand.archives import Member, tarred, zipped
from files.by_hand.models import dat, legacy_of, npy_header, safetensors
from files.by_hand.pickles import assembled

_SIX = np.arange(6, dtype=np.float32).reshape(2, 3)
_DATA = _SIX.tobytes()

# pickles

_STORAGE = 'MARK BINUNICODE:"storage" GLOBAL:"torch FloatStorage" BINUNICODE:"0" BINUNICODE:"cpu" BININT1:6'
_SIZES = "BININT1:2 BININT1:3 TUPLE2 BININT1:3 BININT1:1 TUPLE2"
MACROS = {
    "storage": f"{_STORAGE} TUPLE BINPERSID",
    "rebuild": 'GLOBAL:"torch._utils _rebuild_tensor_v2"',
    "hooks": 'NEWFALSE GLOBAL:"collections OrderedDict" EMPTY_TUPLE REDUCE',
    "view": "$rebuild MARK $storage BININT1:0",
    "tensor": f"$view {_SIZES} $hooks TUPLE REDUCE",
    "old": f"$rebuild MARK {_STORAGE} NONE TUPLE BINPERSID BININT1:0 {_SIZES} $hooks TUPLE REDUCE",
    "dtype": 'GLOBAL:"numpy dtype" BINUNICODE:"f4" NEWFALSE NEWTRUE TUPLE3 REDUCE MARK BININT1:3 BINUNICODE:"<" NONE '
    "NONE NONE BININT:-1 BININT:-1 BININT1:0 TUPLE BUILD",
    "empty": 'GLOBAL:"numpy.core.multiarray _reconstruct" GLOBAL:"numpy ndarray" BININT1:0 TUPLE1 '
    'SHORT_BINBYTES:"b" TUPLE3 REDUCE',
    "bytes": f"@4318 @{_DATA.hex()}",
    "array": "$empty MARK BININT1:1 BININT1:2 BININT1:3 TUPLE2 $dtype NEWFALSE $bytes TUPLE BUILD",
}
"""Opcodes by name: ``$tensor`` makes a float32 tensor of 2 x 3, 0 to 5, over ``$storage``; ``$old`` as torch did before
version 1.6; ``$array`` one of numpy."""


def pickle(text: str) -> bytes:
    """The bytes of opcodes, with these macros."""
    return assembled(text, MACROS)


def _state(weight: str) -> bytes:
    return pickle(f'PROTO:2 EMPTY_DICT BINUNICODE:"weight" {weight} SETITEM STOP')


# torch's archives, as members in the order in which they lie

ZIP = [
    Member("model/data.pkl", _state("$tensor")),
    Member("model/byteorder", b"little"),
    Member("model/data/0", _DATA),
    Member("model/version", b"3\n"),
]
TAR = [
    Member(
        "storages",
        pickle('BININT1:1 STOP MARK BINUNICODE:"0" BINUNICODE:"cpu" GLOBAL:"torch FloatStorage" TUPLE STOP')
        + (6).to_bytes(8, "little")
        + _DATA
        + pickle("EMPTY_LIST STOP"),
    ),
    Member(
        "tensors",
        pickle('BININT1:1 STOP MARK BINUNICODE:"1" BINUNICODE:"0" GLOBAL:"torch FloatTensor" TUPLE STOP')
        + np.array([2, 2, 3, 3, 1, 0], np.int64).tobytes(),
    ),
    Member("pickle", pickle('EMPTY_DICT BINUNICODE:"weight" BINUNICODE:"1" BINPERSID SETITEM STOP')),
]
_META = {
    "dtype": 7,
    "sizes": [{"as_int": 2}, {"as_int": 3}],
    "strides": [{"as_int": 3}, {"as_int": 1}],
    "storage_offset": {"as_int": 0},
    "layout": 7,
    "device": {"type": "cpu", "index": None},
    "requires_grad": True,
}
_WEIGHT: dict[str, Any] = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": _META}
EXPORT_CONFIG = "model/data/weights/model_weights_config.json"
EXPORT = [
    Member("model/archive_format", b"pt2"),
    Member("model/byteorder", b"little"),
    Member(EXPORT_CONFIG, json.dumps({"config": {"weight": _WEIGHT}}).encode()),
    Member("model/data/weights/weight_0", _DATA),
]


# what a pickle may lie in


def _in_zip(document: bytes, *more: Member) -> bytes:
    return zipped([*ZIP[1:], Member("model/data.pkl", document), *more])


def _in_script(document: bytes) -> bytes:
    code = b'class M(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n'
    return _in_zip(document, Member("model/code/__torch__.py", code))


CONTAINERS: Mapping[str, Callable[[bytes], bytes]] = {
    "zip": _in_zip,
    "legacy": lambda document: legacy_of(document, [_SIX]),
    "plain": bytes,
    "script": _in_script,
}

# whole files

_MODULE = 'PROTO:2 GLOBAL:"__torch__ M" EMPTY_TUPLE NEWOBJ EMPTY_DICT BINUNICODE:"weight" $tensor SETITEM BUILD STOP'
_NPY = npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n") + _DATA
BASES: Mapping[str, bytes] = {
    "zip": zipped(ZIP),
    "many": zipped([*ZIP, *(Member(f"model/a{number}") for number in range(3000))]),
    "legacy": CONTAINERS["legacy"](_state("$old")),
    "plain": _state("$array"),
    "script": _in_script(pickle(_MODULE)),
    "tar": tarred(TAR),
    "export": zipped(EXPORT),
    "safetensors": safetensors({"weight": _SIX}),
    "npy": _NPY,
    "npz": zipped([Member("weight.npy", _NPY)]),
    "dat": dat({"weight": _SIX}),
    "index": b'{"metadata": {}, "weight_map": {"weight": "a.safetensors"}}',
}
"""A whole file of each kind (``many``: with 3,000 members more), with the tensor ``weight``, float32, 2 x 3, 0 to 5."""
