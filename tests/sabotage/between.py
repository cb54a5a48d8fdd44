"""Faults of bytes: a file is changed after its writer and before its reader."""

from __future__ import annotations

from typing import Any

import numpy as np

from tscompat.dotnet_side.messages import Load, LoadInto, RunProgram, Save, UseOptimizer
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict

from .answers import BAG
from .computed import option_of, state_of
from .fault import Change, Fault, byte, element, entries, given, numbers, record, with_numbers, wrote

MATRIX = "shape/rank-2/f32"
SGD = "optim/sgd-momentum/f32"
ADAM = "optim/adam/f32"


def _renamed(held: StateDict) -> StateDict:
    """The first name with its case swapped."""
    return [Entry(held[0].name.swapcase(), held[0].tensor), *held[1:]]


def _retyped(held: StateDict) -> StateDict:
    """The first tensor's bytes as int32."""
    return [Entry(held[0].name, held[0].tensor._replace(dtype=BY_NAME["i32"])), *held[1:]]


def _reshaped(held: StateDict) -> StateDict:
    """The first tensor's bytes in the reversed shape."""
    return [Entry(held[0].name, held[0].tensor._replace(shape=held[0].tensor.shape[::-1])), *held[1:]]


def _column_major(held: StateDict) -> StateDict:
    """The first tensor's elements in column-major order."""
    shape = held[0].tensor.shape
    return numbers(lambda flat: flat.reshape(shape).T.reshape(-1))(held)


def _retyped_header(whole: bytes) -> bytes:
    """A safetensors file whose first tensor is of integers."""
    return whole.replace(b'"F32"', b'"I32"', 1)


_next = element(0, lambda value: np.nextafter(value, np.float32(np.inf)))
_big_endian = element(0, lambda value: value.byteswap())
_momentum = state_of("momentum_buffer", lambda tensor: with_numbers(tensor, _next))


_LOADED: tuple[tuple[str, str, str, Change], ...] = (
    (
        "given-bit",
        "the last byte of the file that .NET loads has another bit",
        f"dat/python-to-dotnet and {BAG}",
        byte(-1),
    ),
    ("given-big-endian", "one element is big-endian", f"dat/python-to-dotnet and {BAG}", entries(numbers(_big_endian))),
    ("given-column-major", "a matrix is column-major", f"dat/python-to-dotnet and {MATRIX}", entries(_column_major)),
    ("given-dtype", "the dtype code of one entry is int32's", f"dat/python-to-dotnet and {BAG}", entries(_retyped)),
    ("given-name", "one name has other capitals", f"dat/python-to-dotnet and {BAG}", entries(_renamed)),
    ("given-shape", "the dims of a matrix are swapped", f"dat/python-to-dotnet and {MATRIX}", entries(_reshaped)),
    ("given-less", "the last element is missing", f"dat/python-to-dotnet and {BAG}", lambda whole: whole[:-4]),
    (
        "given-safetensors-bit",
        "the last byte of a safetensors file has another bit",
        f"pybridge-safetensors/python-to-dotnet and {BAG}",
        byte(-1),
    ),
    (
        "given-safetensors-dtype",
        "one tensor of a safetensors file is int32",
        f"pybridge-safetensors/python-to-dotnet and {BAG}",
        _retyped_header,
    ),
)
_LOADED_INTO: tuple[tuple[str, str, tuple[str, ...], str, Change], ...] = (
    (
        "into-element",
        "one element of the file is the next number",
        ("state",),
        "load/python-to-dotnet and load/all/f32",
        entries(numbers(_next)),
    ),
    (
        "into-less",
        "the last entry is missing",
        ("outcome",),
        "load/python-to-dotnet and load/all/f32",
        entries(lambda held: held[:-1]),
    ),
    (
        "into-truncated",
        "the last element is missing",
        ("outcome",),
        "load/python-to-dotnet and load/all/f32",
        lambda whole: whole[:-4],
    ),
    (
        "into-other-name",
        "a name is another, with strict off",
        ("report",),
        "load/python-to-dotnet and load/report/lax/f32",
        entries(_renamed),
    ),
)
_SAVED: tuple[tuple[str, str, tuple[str, ...], str, Change], ...] = (
    (
        "saved-bit",
        "the last byte that .NET saved has another bit",
        ("bytes", "bits"),
        f"dat/dotnet-to-python and {BAG}",
        byte(-1),
    ),
    (
        "saved-order",
        "two saved entries change places",
        ("bytes", "order"),
        f"dat/dotnet-to-python and {BAG}",
        entries(lambda held: held[::-1]),
    ),
    (
        "saved-name",
        "one saved name has other capitals",
        ("bytes", "bits", "order"),
        f"dat/dotnet-to-python and {BAG}",
        entries(_renamed),
    ),
    (
        "saved-dtype",
        "one saved dtype code is int32's",
        ("bytes", "bits"),
        f"dat/dotnet-to-python and {BAG}",
        entries(_retyped),
    ),
    (
        "saved-shape",
        "the dims of a saved matrix are swapped",
        ("bytes", "bits"),
        f"dat/dotnet-to-python and {MATRIX}",
        entries(_reshaped),
    ),
    (
        "saved-long-count",
        "the count of entries takes a byte more than it needs",
        ("bytes",),
        f"dat/dotnet-to-python and {BAG}",
        lambda whole: bytes([whole[0] | 0x80, 0]) + whole[1:],
    ),
    (
        "saved-more",
        "a byte follows the last entry",
        ("bytes",),
        f"dat/dotnet-to-python and {BAG}",
        lambda whole: whole + b"\0",
    ),
    (
        "saved-safetensors-bit",
        "the last byte of a saved safetensors file has another bit",
        ("bits",),
        f"pybridge-safetensors/dotnet-to-python and {BAG}",
        byte(-1),
    ),
)


def _loads(call: UseOptimizer) -> bool:
    return call.load is not None


def _saves(call: UseOptimizer) -> bool:
    return call.load is None


_OPTIMIZERS: tuple[tuple[str, str, tuple[str, ...], str, Any], ...] = (
    (
        "rate",
        "the file that .NET loads has half the learning rate",
        ("options",),
        SGD,
        option_of("lr", lambda x: x / 2),
    ),
    ("state", "the file that .NET loads has the next number in a state", ("bits",), SGD, _momentum),
    (
        "count",
        "the file that .NET loads counts one step less",
        ("bits", "count"),
        ADAM,
        state_of("step", lambda x: x - 1),
    ),
)
_SAVED_AGAIN: tuple[tuple[str, str, str, Any], ...] = (
    ("rate", "the file that .NET saves again has half the learning rate", SGD, option_of("lr", lambda x: x / 2)),
    ("state", "the file that .NET saves again has the next number in a state", SGD, _momentum),
    ("count", "the file that .NET saves again counts one step less", ADAM, state_of("step", lambda x: x - 1)),
)


BETWEEN: tuple[Fault, ...] = (
    *(
        Fault(name, "bytes", what, ("bits",), select, given(Load, "artifact", change))
        for name, what, select, change in _LOADED
    ),
    *(
        Fault(name, "bytes", what, checks, select, given(LoadInto, "artifact", change))
        for name, what, checks, select, change in _LOADED_INTO
    ),
    *(
        Fault(name, "bytes", what, checks, select, wrote(Save, lambda call: call.artifact, change))
        for name, what, checks, select, change in _SAVED
    ),
    *(
        Fault(
            f"given-{name}",
            "bytes",
            what,
            checks,
            f"optimizer/python-to-dotnet and not pybridge and {case}",
            given(UseOptimizer, "load", record(change)),
        )
        for name, what, checks, case, change in _OPTIMIZERS
    ),
    *(
        Fault(
            f"again-{name}",
            "bytes",
            what,
            ("bytes",),
            f"optimizer/ and not pybridge and {case}",
            wrote(UseOptimizer, lambda call: call.save, record(change), _loads),
        )
        for name, what, case, change in _SAVED_AGAIN
    ),
    Fault(
        "saved-rate",
        "bytes",
        "the file of an optimizer that .NET saved has half the learning rate",
        ("bytes", "options"),
        f"optimizer/dotnet-to-python and not pybridge and {SGD}",
        wrote(UseOptimizer, lambda call: call.save, record(option_of("lr", lambda x: x / 2)), _saves),
    ),
    Fault(
        "file-changed-by-a-load",
        "bytes",
        "a load changes the last byte of the file that it loads",
        ("bits",),
        f"dat/python-to-dotnet and {BAG}",
        wrote(Load, lambda call: call.artifact, byte(-1)),
    ),
    Fault(
        "program-output",
        "bytes",
        "one output of a script is 1.001 of itself",
        ("forward",),
        "torchscript/python-to-dotnet and layer/linear/default/f32",
        wrote(RunProgram, lambda call: call.outputs, entries(numbers(element(0, lambda x: x * 1.001)))),
    ),
)
"""Of each row: name, what it does, the checks that must see it, the part of the matrix, and what it changes."""
