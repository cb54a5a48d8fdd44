"""Faults of what .NET computes: the files of outputs, parameters and states that an answer stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tscompat.codec.optimizer import OptimizerRecord
from tscompat.dotnet_side.messages import Forward, OptimizerUsed, Thrown, Train, UseOptimizer
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

from .answers import LINEAR, NARROW, NORM, replaced
from .fault import Fault, Numbers, answered, element, entries, numbers, record, with_numbers, wrote

TRAINED = "arch/mnist-trained/bf16"
TRAINING = "training/mlp/f32"
SGD = "optimizer/ and not pybridge and optim/sgd-momentum/f32"
ADAM = "optimizer/ and not pybridge and optim/adam/f32"


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


def _closest_equal(given: StateDict) -> StateDict:
    """Where the two largest outputs of a row are closest, but not equal, the largest becomes the second."""

    def lower(flat: Numbers) -> Numbers:
        rows = flat.reshape(given[0].tensor.shape)
        largest = np.sort(rows.astype(np.float64), axis=-1)
        apart = largest[:, -1] - largest[:, -2]
        row = int(np.where(apart > 0, apart, np.inf).argmin())
        rows[row, rows[row].astype(np.float64).argmax()] = largest[row, -2]
        return flat

    return numbers(lower)(given)


def _rows_swapped(given: StateDict) -> StateDict:
    """Swap two rows, of which each side predicts another class."""

    def swap(flat: Numbers) -> Numbers:
        rows = flat.reshape(given[0].tensor.shape)
        rows[[2, 4]] = rows[[4, 2]]
        return flat

    return numbers(swap)(given)


def _as_float64(given: StateDict) -> StateDict:
    (name, tensor), *others = given
    wide = np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar).astype(np.float64)
    return [Entry(name, Tensor(BY_NAME["f64"], tensor.shape, wide.view(np.uint8))), *others]


def _last_bit(value: Any) -> Any:
    return np.nextafter(value, np.float32(np.inf))


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
        "predictions-of-two-rows",
        "the outputs of two inputs are swapped",
        "predictions",
        TRAINED,
        _plain,
        _rows_swapped,
    ),
    (
        "predictions-of-one-class",
        "the fourth output of the first input is 100 more",
        "predictions",
        TRAINED,
        _plain,
        numbers(element(3, lambda x: x + 100)),
    ),
    (
        "predictions-one-row",
        "one output becomes the next number, and another class's is the largest",
        "predictions",
        TRAINED,
        _plain,
        _closest_equal,
    ),
)


# Training


def _without(name: str) -> Callable[[StateDict], StateDict]:
    return lambda given: [entry for entry in given if entry.name != name]


def _swapped(one: str, other: str) -> Callable[[StateDict], StateDict]:
    """Each of two entries gets the other's tensor."""

    def swap(given: StateDict) -> StateDict:
        held = dict(given)
        held[one], held[other] = held[other], held[one]
        return [Entry(name, held[name]) for name, _ in given]

    return swap


_TRAINED = (
    ("loss-of-one-step", "one loss is 1.001 of itself", "losses", _of_name("loss.7", lambda x: x * 1.001)),
    ("loss-lost", "the last loss is missing", "losses", _without("loss.19")),
    ("loss-dtype", "the first loss is float64", "losses", _as_float64),
    (
        "parameter-of-one-step",
        "one parameter is 1.001 of itself after one step",
        "parameters",
        _of_name("step.7.hidden1.weight", lambda x: x * 1.001),
    ),
    ("parameter-lost", "the last step has no bias", "parameters", _without("step.19.output.bias")),
    (
        "parameters-of-another-step",
        "one tensor after the last two steps is the other's",
        "parameters",
        _swapped("step.18.output.weight", "step.19.output.weight"),
    ),
)


# Optimizers


def _thrown(stage: str) -> Callable[[OptimizerUsed], OptimizerUsed]:
    return replaced(thrown={stage: Thrown("System.InvalidOperationException", "sabotage")})


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
_PARAMETERS: tuple[tuple[str, str, str, str, int, Callable[[Any], Any]], ...] = (
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


COMPUTED: tuple[Fault, ...] = (
    *(
        Fault(name, "answer", what, (check,), select, wrote(Forward, lambda call: call.outputs, entries(change), when))
        for name, what, check, select, when, change in _FORWARDS
    ),
    *(
        Fault(name, "answer", what, (check,), TRAINING, wrote(Train, lambda call: call.outputs, entries(change)))
        for name, what, check, change in _TRAINED
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
