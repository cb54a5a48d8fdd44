"""Reads and writes TorchSharp's optimizer files: the options of every parameter group, the state of every parameter.

The layout is that of OptimizerHelper.save_state_dict (src/TorchSharp/Optimizers/Optimizer.cs) and of SaveStateDict in
each optimizer's Options and State (in the file of its name in that folder): the class's name as .NET's BinaryWriter
writes a string, LEB128 counts of groups and of states, all options, all states. Numbers are little-endian. How many
parameters a group has is not in the file.

Reading is linear in the file's size, as in ``reader``. A state takes some 200 bytes of memory and a tensor 300, so the
largest ratio, of SGD's states without a tensor, which are one byte each, takes 200 times its size. May import values.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from typing_extensions import Buffer

from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of

from . import leb128
from .errors import FormatError, Problems, Report, refuse
from .reader import expect_end, flat, map_file, naming, read_header, read_name
from .writer import CHUNK, encode_tensor

Kind: TypeAlias = Literal["f64", "i64", "bool", "tensor", "tensor?"]
"""The form of a field in the file. A ``tensor?`` is a bool, followed by a tensor if the bool is true."""
Value: TypeAlias = float | Tensor | None
"""The value of a field, by kind: float, int, bool or Tensor; None for a ``tensor?`` without a tensor."""


class OptimizerRecord(NamedTuple):
    """The contents of an optimizer file, with the fields of ``LAYOUTS``."""

    name: str
    """TorchSharp's class, a key of ``LAYOUTS``."""
    groups: Sequence[Mapping[str, float]]
    """The options of each parameter group."""
    states: Sequence[Mapping[str, Value]]
    """The state of each parameter, group by group. A parameter that was never stepped has a state, too."""


class Layout(NamedTuple):
    """The fields of an optimizer, in the order of the file."""

    options: Mapping[str, Kind]
    state: Mapping[str, Kind]


_KINDS: dict[str, Kind] = {kind: kind for kind in ("f64", "i64", "bool", "tensor", "tensor?")}


def _fields(words: str) -> Mapping[str, Kind]:
    pairs = (word.partition(":") for word in words.split())
    return {name: _KINDS[kind or "f64"] for name, _, kind in pairs}


def _layout(options: str, state: str) -> Layout:
    return Layout(_fields(f"initial_lr lr {options}"), _fields(state))


_BETAS = "beta1 beta2 eps weight_decay"
_ADAM = _layout(
    f"{_BETAS} amsgrad:bool maximize:bool", "step:i64 exp_avg:tensor exp_avg_sq:tensor max_exp_avg_sq:tensor?"
)
LAYOUTS: Mapping[str, Layout] = {
    "SGD": _layout("momentum dampening weight_decay nesterov:bool maximize:bool", "momentum_buffer:tensor?"),
    "ASGD": _layout("maximize:bool lambd alpha weight_decay t0", "step:i64 eta mu ax:tensor"),
    "Rprop": _layout("maximize:bool etaminus etaplus min_step max_step", "step:i64 prev:tensor step_size:tensor"),
    "RMSProp": _layout(
        "maximize:bool momentum alpha eps weight_decay centered:bool",
        "step:i64 square_avg:tensor momentum_buffer:tensor? grad_avg:tensor?",
    ),
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "NAdam": _layout(f"{_BETAS} momentum_decay", "step:i64 mu_product exp_avg:tensor exp_avg_sq:tensor"),
    "RAdam": _layout(_BETAS, "step:i64 exp_avg:tensor exp_avg_sq:tensor"),
    "Adamax": _layout(_BETAS, "step:i64 exp_avg:tensor exp_inf:tensor"),
    "Adadelta": _layout("rho eps weight_decay maximize:bool", "step:i64 square_avg:tensor acc_delta:tensor"),
    "Adagrad": _layout("lr_decay initial_accumulator_value eps weight_decay", "step:i64 sum:tensor"),
}
"""All optimizers that TorchSharp can save, by class. A field without a kind is an f64. Names are TorchSharp's, but
``initial_lr`` and ``lr`` are its InitialLearningRate and LearningRate. No option changes the layout."""

_NO_VALUE = Tensor(BY_NAME["u8"], (0,), b"")
_NUMBERS = {"f64": "<d", "i64": "<q", "bool": "<?"}


def encode_optimizer(record: OptimizerRecord) -> Iterator[Buffer]:
    """The canonical file as a stream of flat buffers; those of large tensors are views of the tensors' own memory.

    Raises ValueError for an unknown class. The stream raises ValueError, perhaps after part of it, for fields that are
    not exactly those of the layout, for a value that is not of its kind or too large for it, and for a tensor that
    ``encode_tensor`` refuses.
    """
    layout = LAYOUTS.get(record.name)
    if layout is None:
        raise ValueError(f"TorchSharp saves no optimizer {record.name!r}; expected one of {', '.join(LAYOUTS)}")
    return _joined(_pieces(record, layout))


def decode_optimizer(buffer: Buffer, *, problems: Problems | None = None) -> OptimizerRecord:
    """Decode the optimizer file in ``buffer``. The tensors are read-only views of the buffer.

    Raises FormatError; when lenient (with ``problems``), only where it cannot go on.
    """
    data = flat(buffer)
    report = refuse if problems is None else problems.add
    name, at = read_name(data, 0, report)
    layout = LAYOUTS.get(name)
    if layout is None:
        raise FormatError(0, repr(name[:80]), f"an optimizer, one of {', '.join(LAYOUTS)}", "optimizer.name")
    groups, at = leb128.decode(data, at, "the count of parameter groups", report)
    states, at = leb128.decode(data, at, "the count of states", report)
    options: list[dict[str, float]] = []
    for _ in range(groups):
        numbers, at = _decode_options(layout.options, data, at, report)
        options.append(numbers)
    state: list[dict[str, Value]] = []
    for _ in range(states):
        values, at = _decode_state(layout.state, data, at, report)
        state.append(values)
    expect_end(data, at, report)
    return OptimizerRecord(name, options, state)


def read_optimizer(path: str | os.PathLike[str]) -> OptimizerRecord:
    """Read an optimizer file. The tensors are views of the mapped file: do not shorten the file while they exist.

    Raises FormatError with the path, and OSError.
    """
    with naming(path):
        return decode_optimizer(map_file(path))


def flat_options(record: OptimizerRecord) -> StateDict:
    """The options of all groups as 0-d tensors, for comparison. A name is ``group.0.lr``.

    The record may lack fields of the layout, and may have others: those have an entry with their name, without a value.
    """
    return _flattened("group", LAYOUTS[record.name].options, record.groups)


def flat_states(record: OptimizerRecord) -> StateDict:
    """The states of all parameters as tensors, numbers as 0-d ones. A name is ``state.2.exp_avg``.

    A ``tensor?`` without a tensor has no entry. Fields may be missing or others, as for ``flat_options``.
    """
    return _flattened("state", LAYOUTS[record.name].state, record.states)


def _flattened(part: str, kinds: Mapping[str, Kind], rows: Sequence[Mapping[str, Value]]) -> StateDict:
    return [
        Entry(f"{part}.{number}.{field}", _as_tensor(kinds[field], value) if field in kinds else _NO_VALUE)
        for number, fields in enumerate(rows)
        for field, value in fields.items()
        if value is not None
    ]


def _as_tensor(kind: Kind, value: Value) -> Tensor:
    return value if isinstance(value, Tensor) else tensor_of(BY_NAME[kind], (), np.array(value, BY_NAME[kind].scalar))


def _joined(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    """The same bytes in fewer buffers: small pieces joined, large ones as they are."""
    small: list[Buffer] = []
    size = 0
    for piece in pieces:
        nbytes = memoryview(piece).nbytes
        if small and size + nbytes >= CHUNK:
            yield b"".join(small)
            small.clear()
            size = 0
        if nbytes >= CHUNK:
            yield piece
        else:
            small.append(piece)
            size += nbytes
    if small:
        yield b"".join(small)


def _pieces(record: OptimizerRecord, layout: Layout) -> Iterator[Buffer]:
    name = record.name.encode()
    yield b"".join([leb128.encode(len(name)), name, *map(leb128.encode, (len(record.groups), len(record.states)))])
    for number, options in enumerate(record.groups):
        yield from _fields_of(layout.options, options, f"group {number}")
    for number, state in enumerate(record.states):
        yield from _fields_of(layout.state, state, f"state {number}")


def _fields_of(kinds: Mapping[str, Kind], fields: Mapping[str, Value], where: str) -> Iterator[Buffer]:
    if fields.keys() != kinds.keys():
        odd = ", ".join(sorted(fields.keys() ^ kinds.keys()))
        raise ValueError(f"{where}: expected exactly {', '.join(kinds)}; missing or unexpected: {odd}")
    for name, kind in kinds.items():
        value = fields[name]
        if kind == "tensor?":
            yield b"\0" if value is None else b"\1"
            if value is None:
                continue
        if isinstance(value, Tensor) != kind.startswith("tensor") or isinstance(value, bool) != (kind == "bool"):
            raise ValueError(f"{where}: {name}: expected {kind}, found {type(value).__name__}")
        try:
            if isinstance(value, Tensor):
                yield from encode_tensor(value)
            else:
                yield struct.pack(_NUMBERS[kind], value)
        except (ValueError, struct.error) as error:
            raise ValueError(f"{where}: {name}: {error}") from error


def _decode_options(
    kinds: Mapping[str, Kind], data: memoryview, at: int, report: Report
) -> tuple[dict[str, float], int]:
    options: dict[str, float] = {}
    for name, kind in kinds.items():
        options[name], at = number(data, at, kind, name, report)
    return options, at


def _decode_state(kinds: Mapping[str, Kind], data: memoryview, at: int, report: Report) -> tuple[dict[str, Value], int]:
    state: dict[str, Value] = {}
    for name, kind in kinds.items():
        if kind == "tensor":
            state[name], at = _tensor(data, at, report)
        elif kind == "tensor?":
            there, at = number(data, at, "bool", f"whether there is {name}", report)
            state[name], at = _tensor(data, at, report) if there else (None, at)
        else:
            state[name], at = number(data, at, kind, name, report)
    return state, at


def _tensor(data: memoryview, at: int, report: Report) -> tuple[Tensor, int]:
    (dtype, shape, nbytes), at = read_header(data, at, report)
    return Tensor(dtype, shape, data[at : at + nbytes]), at + nbytes


def number(data: memoryview, at: int, kind: Kind, what: str, report: Report = refuse) -> tuple[float, int]:
    """The number of this kind at ``at``, and the offset after it. Raises FormatError; ``what`` is its name there.

    A lenient reader takes any byte but 0 as true, as .NET does.
    """
    form = _NUMBERS[kind]
    end = at + struct.calcsize(form)
    raw = data[at:end]
    if len(raw) < end - at:
        raise FormatError(at, f"{len(raw)} bytes, then the end", f"{what} in {end - at} bytes", "file.truncated")
    if kind == "bool" and raw[0] > 1:
        report(FormatError(at, f"0x{raw[0]:02x}", f"{what} as 0x00 or 0x01", "optimizer.bool"))
    return struct.unpack(form, raw)[0], end
