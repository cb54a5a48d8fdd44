"""Faults of the peer's answers: of their fields, and of the files that an answer stands for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from tscompat.codec import read_state_dict
from tscompat.codec.optimizer import OptimizerRecord
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import (
    Done,
    Forward,
    Loaded,
    LoadedInto,
    Observed,
    OptimizerUsed,
    Save,
    SchemaEntry,
    SchemaFound,
    Thrown,
    UseOptimizer,
)
from tscompat.values.compare import Difference
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

from .fault import THE_RUN, Ask, Fault, Wrong, answered, element, entries, numbers, record, with_numbers, wrote

BAG = "role/both/f32"
QUANTIZED = "torchscript and quantized/per-tensor/qi8"
LINEAR = "layer/linear/default/f32"
NORM = "layer/batchnorm1d/default/f32"
NARROW = "layer/batchnorm1d/default/bf16"
TRAINED = "arch/mnist-trained/bf16"
LOADS = "load/all/f32"
REFUSED = "load/shape/strict/f32"
STREAMS = "pybridge-load-safetensors and load/report/stream/f32"
REPORTS = "load/report/lax/f32"
SGD = "optimizer/ and not pybridge and optim/sgd-momentum/f32"
ADAM = "optimizer/ and not pybridge and optim/adam/f32"


def _replaced(**fields: Any) -> Callable[[Any], Any]:
    """Replace fields of an answer; a function makes the new value of the old one."""
    return lambda answer: msgspec.structs.replace(
        answer, **{name: new(getattr(answer, name)) if callable(new) else new for name, new in fields.items()}
    )


# Loads


def _from_the_expected_file(call: Any, ask: Ask) -> Any:
    """The answer of a peer that looks at the expected file in place of .NET's memory."""
    answer = ask(call)
    if not isinstance(answer, Loaded):
        return answer
    return Loaded((), (), (), digest(read_state_dict(call.expected)), answer.quantizer)


def _copied(call: Any, ask: Ask) -> Any:
    """The answer of a peer that copies the expected file in the place of saving."""
    if isinstance(call, Save) and call.overload == "module-path":
        shutil.copyfile(call.expected, call.artifact)
        return Done()
    return ask(call)


_BIT = (Difference("bits", "'weight': one bit differs"),)
_LOADED = (
    ("loaded-bit", "one element of a loaded tensor differs", ("bits",), BAG, _replaced(differences=_BIT)),
    (
        "loaded-digest",
        "memory has other bits than the case, and the peer reports no difference",
        (THE_RUN,),
        BAG,
        _replaced(digest=lambda old: old[::-1]),
    ),
    (
        "quantizer-scale",
        "a loaded tensor has twice the scale",
        ("quantizer",),
        QUANTIZED,
        _replaced(quantizer=lambda old: old and (2 * old[0], old[1])),
    ),
    (
        "quantizer-zero-point",
        "a loaded tensor has another zero point",
        ("quantizer",),
        QUANTIZED,
        _replaced(quantizer=lambda old: old and (old[0], old[1] + 1)),
    ),
    ("quantizer-lost", "a loaded tensor has no quantizer", ("quantizer",), QUANTIZED, _replaced(quantizer=None)),
)
_PEERS: tuple[tuple[str, str, tuple[str, ...], str, Wrong], ...] = (
    (
        "expected-file-in-place-of-memory",
        "the peer answers from the expected file and reads nothing",
        (THE_RUN,),
        f"dat/python-to-dotnet and {BAG}",
        _from_the_expected_file,
    ),
    (
        "expected-file-in-place-of-a-save",
        "the peer copies the expected file and saves nothing",
        (THE_RUN,),
        f"dat/dotnet-to-python and {BAG}",
        _copied,
    ),
)


# Schemas


def _entry(at: int, **fields: Any) -> Callable[[SchemaFound], SchemaFound]:
    """Replace fields of one entry of a schema."""

    def change(answer: SchemaFound) -> SchemaFound:
        rows = list(answer.entries)
        rows[at] = _replaced(**fields)(rows[at])
        return SchemaFound(tuple(rows))

    return change


def _entries(change: Callable[[list[SchemaEntry]], list[SchemaEntry]]) -> Callable[[SchemaFound], SchemaFound]:
    return lambda answer: SchemaFound(tuple(change(list(answer.entries))))


_EXTRA = SchemaEntry("extra", BY_NAME["f32"].code, (1,), False)
_SCHEMAS = (
    ("name-upper", "an entry's name begins with a capital", ("names",), LINEAR, _entry(0, name=str.capitalize)),
    ("name-lost", "the last entry is missing", ("names",), NORM, _entries(lambda rows: rows[:-1])),
    ("name-extra", "there is one more entry", ("names",), LINEAR, _entries(lambda rows: [*rows, _EXTRA])),
    ("order-reversed", "two entries change places", ("order",), LINEAR, _entries(lambda rows: rows[::-1])),
    ("order-last-first", "the last entry comes first", ("order",), NORM, _entries(lambda rows: [rows[-1], *rows[:-1]])),
    (
        "order-of-buffers",
        "two buffers change places",
        ("order",),
        NORM,
        _entries(lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]]),
    ),
    ("dtype-of-a-weight", "a weight is float64", ("dtype",), LINEAR, _entry(0, code=BY_NAME["f64"].code)),
    (
        "dtype-of-a-count",
        "num_batches_tracked is int32",
        ("dtype",),
        NORM,
        _entry(-1, code=BY_NAME["i32"].code),
    ),
    ("dtype-half", "a bfloat16 weight is float16", ("dtype",), NARROW, _entry(0, code=BY_NAME["f16"].code)),
    ("shape-transposed", "a weight is transposed", ("shape",), LINEAR, _entry(0, shape=lambda old: old[::-1])),
    ("shape-one-more", "a bias has a dim of 1 more", ("shape",), LINEAR, _entry(1, shape=lambda old: (*old, 1))),
    ("shape-of-a-scalar", "a 0-d buffer has shape [1]", ("shape",), NORM, _entry(-1, shape=(1,))),
    ("buffer-as-parameter", "running_mean is a parameter", ("buffers",), NORM, _entry(2, buffer=False)),
    ("count-as-parameter", "num_batches_tracked is a parameter", ("buffers",), NORM, _entry(-1, buffer=False)),
    ("parameter-as-buffer", "a bias is a buffer", ("buffers",), LINEAR, _entry(1, buffer=True)),
)


# Loads into a module that exists


def _state(change: Callable[[str], str | None]) -> Callable[[LoadedInto], LoadedInto]:
    """Change the digest of the first tensor, or leave the tensor out."""

    def changed(answer: LoadedInto) -> LoadedInto:
        (name, old), *others = answer.state.items()
        new = change(old)
        return _replaced(state=dict(([(name, new)] if new else []) + others))(answer)

    return changed


def _report(change: Callable[[dict[str, bool]], dict[str, bool]]) -> Callable[[LoadedInto], LoadedInto]:
    return lambda answer: _replaced(report=change)(answer) if answer.report else answer


_OTHER_REASON = Thrown("System.ArgumentException", "Mismatched state_dict sizes: expected 4, but found 3 entries.")
_LOADS = (
    ("refusal-lost", "a load that PyTorch refuses is not refused", ("outcome",), REFUSED, _replaced(refused=None)),
    ("refusal-made", "a load without a flaw is refused", ("outcome",), LOADS, _replaced(refused=_OTHER_REASON)),
    (
        "refusal-of-another-kind",
        "a load is refused for another reason than PyTorch's",
        ("outcome",),
        REFUSED,
        _replaced(refused=_OTHER_REASON),
    ),
    ("state-of-one-tensor", "one tensor holds other bits afterwards", ("state",), LOADS, _state(lambda old: old[::-1])),
    ("state-lost", "one tensor is gone afterwards", ("state",), LOADS, _state(lambda old: None)),
    (
        "state-of-a-skipped-tensor",
        "a tensor that is skipped is changed",
        ("state",),
        "load-safetensors and load/skip/found/f32",
        _state(lambda old: old[1:] + old[:1]),
    ),
    ("stream-closed", "a stream is closed after a load", ("stream",), STREAMS, _replaced(still_open=False)),
    (
        "stream-closed-by-a-pickle",
        "a stream is closed after PyBridge has read a pickle",
        ("stream",),
        "pybridge-load-pickle and load/stream/f32",
        _replaced(still_open=False),
    ),
    (
        "stream-unknown",
        "whether a stream is open is not known",
        ("stream",),
        "pybridge-load-safetensors and load/stream/f32",
        _replaced(still_open=None),
    ),
    (
        "report-of-one",
        "the report states the opposite of one entry",
        ("report",),
        REPORTS,
        _report(lambda old: {**old, (first := next(iter(old))): not old[first]}),
    ),
    (
        "report-lost",
        "the report lacks one entry",
        ("report",),
        REPORTS,
        _report(lambda old: dict([*old.items()][1:])),
    ),
    ("report-extra", "the report has one more entry", ("report",), REPORTS, _report(lambda old: {**old, "z": True})),
)


# Guarantees

_KEPT = (
    (
        "probe-nothing",
        "a probe sees nothing",
        ("kept",),
        "guarantee/names-not-places",
        _replaced(observed=""),
    ),
    (
        "probe-one-more",
        "a probe sees one thing more",
        ("kept",),
        "guarantee/load-state-dict-lists",
        _replaced(observed=lambda old: f"{old}, x"),
    ),
    (
        "probe-one-digit",
        "one character of what a probe sees differs",
        ("kept",),
        "guarantee/bytes-of-a-tensor",
        _replaced(observed=lambda old: old[:-1] + chr(ord(old[-1]) ^ 1)),
    ),
)


# What modules compute


def _plain(call: Any) -> bool:
    """Whether a module computes in its own dtype, in eval mode."""
    return isinstance(call, Forward) and call.dtype == call.module.dtype and not call.train


def _after_a_load(call: Any) -> bool:
    return _plain(call) and call.load


def _wide(call: Any) -> bool:
    return isinstance(call, Forward) and call.dtype != call.module.dtype


def _training(call: Any) -> bool:
    return isinstance(call, Forward) and call.train


def _of_name(end: str, change: Callable[[Any], Any]) -> Callable[[StateDict], StateDict]:
    """Change the first element of the entries whose names end so."""
    return lambda given: [
        Entry(name, with_numbers(tensor, element(0, change)) if name.endswith(end) else tensor)
        for name, tensor in given
    ]


def _closest_exchanged(given: StateDict) -> StateDict:
    """Exchange the two largest outputs of the row in which they are closest."""

    def exchange(flat: Any) -> Any:
        rows = flat.reshape(given[0].tensor.shape)
        order = np.argsort(rows.astype(np.float64), axis=-1)
        largest = np.take_along_axis(rows.astype(np.float64), order[:, -2:], axis=-1)
        row = int(np.diff(largest).argmin())
        second, top = order[row, -2:]
        rows[row, [second, top]] = rows[row, [top, second]]
        return flat

    return numbers(exchange)(given)


def _as_float64(given: StateDict) -> StateDict:
    (name, tensor), *others = given
    wide = np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar).astype(np.float64)
    return [Entry(name, Tensor(BY_NAME["f64"], tensor.shape, wide.view(np.uint8))), *others]


def _last_bit(value: Any) -> Any:
    return np.nextafter(value, np.inf, dtype=type(value))


_FORWARDS = (
    (
        "forward-one-output",
        "one output is 1.001 of itself",
        "forward",
        LINEAR,
        _plain,
        numbers(element(0, lambda x: x * 1.001)),
    ),
    ("forward-nan", "the last output is not a number", "forward", NORM, _plain, numbers(element(-1, lambda x: np.nan))),
    ("forward-dtype", "the output is float64", "forward", LINEAR, _plain, _as_float64),
    (
        "loaded-last-bit",
        "after a load one output is one ULP off",
        "loaded",
        LINEAR,
        _after_a_load,
        numbers(element(0, _last_bit)),
    ),
    (
        "loaded-sign",
        "after a load one output is negative",
        "loaded",
        NORM,
        _after_a_load,
        numbers(element(0, lambda x: -x)),
    ),
    ("loaded-dtype", "after a load the output is float64", "loaded", LINEAR, _after_a_load, _as_float64),
    (
        "widened-one-output",
        "in float32 one output is 1.001 of itself",
        "widened",
        NARROW,
        _wide,
        numbers(element(0, lambda x: x * 1.001)),
    ),
    ("widened-sign", "in float32 one output is negative", "widened", NARROW, _wide, numbers(element(-1, lambda x: -x))),
    (
        "widened-rounded",
        "in float32 one output is rounded to bfloat16",
        "widened",
        NARROW,
        _wide,
        numbers(element(0, lambda x: np.float32(x).astype(BY_NAME["bf16"].scalar))),
    ),
    (
        "statistics-count",
        "a pass in train mode is not counted",
        "statistics",
        NORM,
        _training,
        _of_name("num_batches_tracked", lambda x: x - 1),
    ),
    (
        "statistics-mean",
        "one running mean is 1.001 of itself",
        "statistics",
        NORM,
        _training,
        _of_name("running_mean", lambda x: x * 1.001),
    ),
    (
        "statistics-variance",
        "one running variance is 0.9 of itself",
        "statistics",
        NORM,
        _training,
        _of_name("running_var", lambda x: x * 0.9),
    ),
    (
        "predictions-one-row",
        "the two largest outputs of one row are exchanged",
        "predictions",
        TRAINED,
        _plain,
        _closest_exchanged,
    ),
)


# Optimizers


def _thrown(stage: str) -> Callable[[OptimizerUsed], OptimizerUsed]:
    return _replaced(thrown={stage: Thrown("System.InvalidOperationException", "sabotage")})


def _field(rows: Any, name: str, change: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Change a field of the first row, if it has a value there: not every optimizer has every field."""
    first, *others = map(dict, rows)
    return [{**first, name: change(first[name])} if first.get(name) is not None else first, *others]


def option_of(name: str, change: Callable[[Any], Any]) -> Callable[[OptimizerRecord], OptimizerRecord]:
    """Change an option of the first group."""
    return lambda held: held._replace(groups=_field(held.groups, name, change))


def state_of(name: str, change: Callable[[Any], Any]) -> Callable[[OptimizerRecord], OptimizerRecord]:
    """Change a state of the first parameter."""
    return lambda held: held._replace(states=_field(held.states, name, change))


def _first(change: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    return lambda tensor: with_numbers(tensor, element(0, change))


_FILES = (
    ("option-rate", "a loaded learning rate is doubled", "options", SGD, 0, option_of("lr", lambda x: 2 * x)),
    ("option-eps", "a loaded eps is 1e-7", "options", ADAM, 0, option_of("eps", lambda x: 1e-7)),
    ("option-maximize", "a loaded maximize is the opposite", "options", SGD, 0, option_of("maximize", lambda x: not x)),
    (
        "state-loaded",
        "one element of a loaded state differs",
        "bits",
        SGD,
        0,
        state_of("momentum_buffer", _first(_last_bit)),
    ),
    ("count-loaded", "a loaded count of steps is one more", "bits", ADAM, 0, state_of("step", lambda x: x + 1)),
    (
        "state-after",
        "a state after the last step is 1.001 of itself",
        "state",
        SGD,
        1,
        state_of("momentum_buffer", _first(lambda x: x * 1.001)),
    ),
    (
        "state-after-sign",
        "a state after the last step is negative",
        "state",
        ADAM,
        1,
        state_of("exp_avg", _first(lambda x: -x)),
    ),
    (
        "state-after-other",
        "a squared average after the last step is 1.01 of itself",
        "state",
        ADAM,
        1,
        state_of("exp_avg_sq", _first(lambda x: x * 1.01)),
    ),
    ("count-kept", "the last step is not counted", "count", ADAM, 1, state_of("step", lambda x: x - 1)),
    ("count-twice", "the last step is counted twice", "count", ADAM, 1, state_of("step", lambda x: x + 1)),
    (
        "count-zero",
        "the count of steps is zero",
        "count",
        "optimizer/ and not pybridge and optim/adagrad/f32",
        1,
        state_of("step", lambda x: 0),
    ),
)
_PARAMETERS = (
    ("step-one-element", "one parameter is 1.001 of itself after the last step", "step", SGD, -1, lambda x: x * 1.001),
    ("step-sign", "one parameter is negative after the first step", "step", ADAM, 1, lambda x: -x),
    ("step-nan", "one parameter is not a number after a step", "step", SGD, 1, lambda x: np.nan),
)


def _memory(which: int) -> Callable[[UseOptimizer], str]:
    return lambda call: call.memory[which]


def _parameters(which: int) -> Callable[[UseOptimizer], str]:
    return lambda call: call.parameters[which]


def _loading(call: UseOptimizer) -> bool:
    return call.load is not None


ANSWERS: tuple[Fault, ...] = (
    *(
        Fault(name, "answer", what, checks, select, answered(Loaded, change))
        for name, what, checks, select, change in _LOADED
    ),
    *(Fault(name, "answer", what, checks, select, wrong) for name, what, checks, select, wrong in _PEERS),
    *(
        Fault(name, "answer", what, checks, select, answered(SchemaFound, change))
        for name, what, checks, select, change in _SCHEMAS
    ),
    *(
        Fault(name, "answer", what, checks, select, answered(LoadedInto, change))
        for name, what, checks, select, change in _LOADS
    ),
    *(
        Fault(name, "answer", what, checks, select, answered(Observed, change))
        for name, what, checks, select, change in _KEPT
    ),
    *(
        Fault(name, "answer", what, (check,), select, wrote(Forward, lambda call: call.outputs, entries(change), when))
        for name, what, check, select, when, change in _FORWARDS
    ),
    *(
        Fault(name, "answer", what, (check,), select, wrote(UseOptimizer, _memory(which), record(change), _loading))
        for name, what, check, select, which, change in _FILES
    ),
    *(
        Fault(
            name,
            "answer",
            what,
            (check,),
            select,
            wrote(UseOptimizer, _parameters(which), entries(numbers(element(0, change))), _loading),
        )
        for name, what, check, select, which, change in _PARAMETERS
    ),
    Fault(
        "save-thrown",
        "answer",
        "an optimizer cannot be saved",
        ("bytes",),
        SGD,
        answered(OptimizerUsed, _thrown("save"), _loading),
    ),
    Fault(
        "step-thrown",
        "answer",
        "an optimizer cannot make a step",
        ("step",),
        SGD,
        answered(OptimizerUsed, _thrown("step"), _loading),
    ),
)
"""Of each row: name, what it does, the checks that must see it, the part of the matrix, and what it changes."""
