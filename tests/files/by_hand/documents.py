"""Pickled documents as versions of torch and Python wrote them: the opcodes of dicts, lists, numbers and tensors."""

from __future__ import annotations

import json
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

STORAGES = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long"}
"""The first word of the names of torch's classes."""
_ORDERED = 'GLOBAL:"collections OrderedDict" EMPTY_TUPLE REDUCE'


class Style(NamedTuple):
    """How a version of torch, on a version of Python, wrote a tensor."""

    text: str = "BINUNICODE"
    rebuild: str = "_rebuild_tensor_v2"
    view: str = ""
    """The last field of a persistent id."""
    hooks: str = f"NEWFALSE {_ORDERED}"
    device: str = "cpu"


NEW = Style()
TORCH_1_4 = Style(view="NONE")
PYTHON_2 = Style(
    "SHORT_BINSTRING", view="NONE", hooks='NEWFALSE GLOBAL:"collections OrderedDict" EMPTY_LIST TUPLE1 REDUCE'
)
"""With torch 0.4."""
TORCH_0_1 = Style(rebuild="_rebuild_tensor", view="NONE", hooks="")
ON_A_GPU = Style(device="cuda:3")


class Opcodes(str):
    """A part of a document that is opcodes already."""


@dataclass
class Built:
    """An object of a class, ``module name``, that is made of its state."""

    cls: str
    state: Mapping[str, Any]


def opcodes_of(value: Any, style: Style, arrays: list[np.ndarray]) -> str:
    """The opcodes of a value. Arrays become tensors over storages, which ``arrays`` collects in the order of keys."""

    def of(each: Any) -> str:
        return opcodes_of(each, style, arrays)

    match value:
        case Opcodes():
            return value
        case str():
            return f"{style.text}:{json.dumps(value)}"
        case bool():
            return "NEWTRUE" if value else "NEWFALSE"
        case int():
            return f"BININT1:{value}" if 0 <= value < 256 else f"BININT:{value}"
        case float():
            return f"BINFLOAT:{value}"
        case tuple():
            items = list(map(of, cast("tuple[Any, ...]", value)))
            return " ".join([*items, f"TUPLE{len(items)}"] if 0 < len(items) < 4 else ["MARK", *items, "TUPLE"])
        case list():
            items = list(map(of, cast("list[Any]", value)))
            return " ".join(["EMPTY_LIST", *([*items, "APPEND"] if len(items) == 1 else ["MARK", *items, "APPENDS"])])
        case dict():
            items = [f"{of(key)} {of(each)}" for key, each in cast("dict[Any, Any]", value).items()]
            ordered = isinstance(cast("object", value), OrderedDict)
            empty = _ORDERED if ordered else "EMPTY_DICT"
            return " ".join([empty, "MARK", *items, "SETITEMS"])
        case Built():
            return f'GLOBAL:"{value.cls}" EMPTY_TUPLE NEWOBJ {of(value.state)} BUILD'
        case np.ndarray():
            return _tensor(cast("np.ndarray", value), style, arrays)
        case _:
            raise TypeError(f"no opcodes for a {type(value).__name__}")


def _tensor(array: np.ndarray, style: Style, arrays: list[np.ndarray]) -> str:
    """The opcodes that rebuild a tensor; one array is one storage."""
    key = next((key for key, each in enumerate(arrays) if each is array), len(arrays))
    if key == len(arrays):
        arrays.append(array)
    size = opcodes_of(array.shape, style, arrays)
    strides = opcodes_of(tuple(step // array.itemsize for step in array.strides), style, arrays)
    return (
        f'GLOBAL:"torch._utils {style.rebuild}" MARK MARK {style.text}:"storage" '
        f'GLOBAL:"torch {STORAGES[array.dtype.name]}Storage" {style.text}:"{key}" {style.text}:"{style.device}" '
        f"BININT:{array.size} {style.view} TUPLE BINPERSID BININT1:0 {size} {strides} {style.hooks} TUPLE REDUCE"
    )


def module(state: Mapping[str, np.ndarray]) -> Built:
    """A module: its parameters and buffers lie in a child for each first part of a name."""
    children: dict[str, Built] = {}
    for child in dict.fromkeys(name.partition(".")[0] for name in state):
        halves: dict[str, dict[str, np.ndarray]] = {"_parameters": {}, "_buffers": {}}
        for name, array in state.items():
            first, _, rest = name.partition(".")
            if first == child:
                halves["_buffers" if rest.startswith(("running", "num")) else "_parameters"][rest] = array
        children[child] = Built("apackage Layer", {**halves, "_modules": {}, "training": True})
    return Built("apackage Net", {"_parameters": {}, "_buffers": {}, "_modules": children})


def array_of_python_2(array: np.ndarray) -> Opcodes:
    """An array of numpy, as Python 2 wrote it."""
    dims = " ".join(f"BININT:{dim}" for dim in array.shape)
    data = b"T" + struct.pack("<i", array.nbytes) + array.tobytes()  # BINSTRING
    return Opcodes(
        'GLOBAL:"numpy.core.multiarray _reconstruct" GLOBAL:"numpy ndarray" BININT1:0 TUPLE1 SHORT_BINSTRING:"b" '
        f"TUPLE3 REDUCE MARK BININT1:1 MARK {dims} TUPLE "
        f'GLOBAL:"numpy dtype" SHORT_BINSTRING:"{array.dtype.str[1:]}" BININT1:0 BININT1:1 TUPLE3 REDUCE '
        'MARK BININT1:3 SHORT_BINSTRING:"<" NONE NONE NONE BININT:-1 BININT:-1 BININT1:0 TUPLE BUILD NEWFALSE '
        f"@{data.hex()} TUPLE BUILD"
    )
