"""Torch's optimizers: converts what torch saves to optimizer records and back.

May import values, codec. Never imported in a peer: two libtorch in one process crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS as FIELDS
from tscompat.codec.optimizer import Kind, Value
from tscompat.values.dtypes import DType
from tscompat.values.tensors import Tensor

from .torch_tensors import from_torch, to_torch

Saved = dict[str, Any]
"""What ``torch.optim.Optimizer.state_dict`` returns: ``state``, by number of parameter, and ``param_groups``."""

_IN_DOTNET = {"RMSprop": "RMSProp"}
"""TorchSharp's names of the classes that have another name in torch."""
_IN_TORCH = {dotnet: name for name, dotnet in _IN_DOTNET.items()}
_PAIRS = {"betas": ("beta1", "beta2"), "etas": ("etaminus", "etaplus"), "step_sizes": ("min_step", "max_step")}
"""Options that are pairs in torch and two options each in TorchSharp."""
HOW = frozenset({"foreach", "fused", "capturable", "differentiable"})
"""Options that choose how to compute, not what. Versions of torch differ in them."""
_NOT_IN_FILES = {"params", "param_names", "initial_lr", *HOW}
"""Keys of torch's groups that TorchSharp's files lack, or that are converted separately."""
_IMPLIED = {"AdamW": {"decoupled_weight_decay": True}}
"""Options that TorchSharp's class lacks, and the value that it implies, if that is not False."""
_FILLED_WITH = {"step_size": "lr", "sum": "initial_accumulator_value", "eta": "lr"}
"""The option that gives a state field its initial value; other tensors start at 0, mu and mu_product at 1."""


def name_in_dotnet(name: str) -> str:
    """TorchSharp's class, a key of codec.optimizer.LAYOUTS, for a class of torch.optim.

    Raises ValueError for a class that TorchSharp cannot save.
    """
    found = _IN_DOTNET.get(name, name)
    if found not in FIELDS:
        known = ", ".join(_IN_TORCH.get(each, each) for each in FIELDS)
        raise ValueError(f"TorchSharp saves no optimizer {name!r}; expected one of {known}")
    return found


def name_in_torch(name: str) -> str:
    """The class of torch.optim for TorchSharp's class."""
    return _IN_TORCH.get(name, name)


def defaults_of(name: str) -> dict[str, Any]:
    """The default options of a class of torch.optim."""
    kind: Any = getattr(torch.optim, name)
    return kind([torch.empty(0)]).defaults


def record_of(name: str, saved: Saved, parameters: Sequence[torch.Tensor] = ()) -> OptimizerRecord:
    """Convert what an optimizer of this class of torch.optim saved to a record of TorchSharp's class.

    ``parameters`` are the optimizer's, in its order. A parameter that was never stepped has no state in torch; its
    state in TorchSharp is made from the parameter, which must then be given.

    Raises ValueError for a class that TorchSharp cannot save, for an option or state that TorchSharp's class lacks and
    that changes what it computes, for one that is missing, and for a missing parameter.
    """
    record = record_as_found(name, saved, parameters)
    layout = FIELDS[record.name]
    for number, options in enumerate(record.groups):
        for option in options.keys() - layout.options.keys():
            raise ValueError(f"TorchSharp's {record.name} has no {option}, and it is {options[option]!r} here")
        _refuse_missing(f"group {number}", "it has no", layout.options, options)
    orphans = len(record.states) - sum(len(group["params"]) for group in saved["param_groups"])
    if orphans:
        raise ValueError(f"{orphans} states are of no parameter")
    for number, state in enumerate(record.states):
        odd = sorted(state.keys() - layout.state.keys())
        if odd:
            raise ValueError(f"parameter {number}: TorchSharp's {record.name} keeps no {', '.join(odd)}")
        _refuse_missing(f"parameter {number}", "its state has no", layout.state, state)
    return record


def record_as_found(name: str, saved: Saved, parameters: Sequence[torch.Tensor] = ()) -> OptimizerRecord:
    """As ``record_of``, but options and states that are missing are missing in the record, too, and those that
    TorchSharp's class lacks are in it; states of no parameter come last.

    Raises ValueError as ``record_of`` does, but not for these, and for a value of another kind than the field's.
    """
    layout = FIELDS[name_in_dotnet(name)]
    groups: list[dict[str, float]] = []
    states: list[dict[str, Value]] = []
    left = dict(saved["state"])
    for group in saved["param_groups"]:
        options = options_of(name, group)
        groups.append(options)
        for number in group["params"]:
            where = f"parameter {number}"
            state = left.pop(number, None) or _initial(name, options, parameters[number : number + 1], where)
            states.append(_state(layout.state, state))
    return OptimizerRecord(
        name_in_dotnet(name), groups, [*states, *(_state(layout.state, each) for each in left.values())]
    )


def initial_state(name: str, options: Mapping[str, float], dtype: DType, shape: tuple[int, ...]) -> dict[str, Value]:
    """The state in a record of a parameter that was never stepped, in a group with these options."""
    parameter = torch.empty(shape, dtype=getattr(torch, dtype.torch))
    return _state(FIELDS[name_in_dotnet(name)].state, _initial(name, options, [parameter], "the parameter"))


def saved_of(record: OptimizerRecord, sizes: Sequence[int]) -> Saved:
    """Convert a record to what ``load_state_dict`` of the optimizer's class in torch takes.

    ``sizes`` are the numbers of parameters of the groups, which TorchSharp's file does not hold. Options that the file
    does not hold (foreach, capturable, ...) get torch's defaults.

    Raises ValueError if ``sizes`` does not fit the record.
    """
    if len(sizes) != len(record.groups) or sum(sizes) != len(record.states):
        found = f"{len(record.groups)} parameter groups and {len(record.states)} parameters"
        raise ValueError(f"the record has {found}; expected groups of {', '.join(map(str, sizes))}")
    defaults = defaults_of(name_in_torch(record.name))
    starts = [sum(sizes[:group]) for group in range(len(sizes))]
    return {
        "state": {number: _state_in_torch(state) for number, state in enumerate(record.states)},
        "param_groups": [
            {**defaults, **_options_in_torch(options), "params": list(range(start, start + size))}
            for options, start, size in zip(record.groups, starts, sizes, strict=True)
        ],
    }


def options_of(name: str, group: Mapping[str, Any]) -> dict[str, float]:
    """The options of a group of this class of torch.optim, by TorchSharp's names, but for those that it lacks.

    Those that TorchSharp's class lacks, and that change what is computed, come last. Raises ValueError for a class that
    TorchSharp cannot save.
    """
    kinds = FIELDS[name_in_dotnet(name)].options
    flat: dict[str, Any] = {"initial_lr": group.get("initial_lr", group.get("lr"))}
    odd: dict[str, Any] = {}
    for option, value in group.items():
        if option in _PAIRS:
            flat.update(zip(_PAIRS[option], value, strict=True))
        elif option in kinds:
            flat[option] = value
        elif option not in _NOT_IN_FILES and value != _IMPLIED.get(name, {}).get(option, False):
            odd[option] = value
    found = {option: kind for option, kind in kinds.items() if flat.get(option) is not None}
    return {
        option: bool(flat[option]) if kind == "bool" else float(flat[option]) for option, kind in found.items()
    } | odd


def _options_in_torch(options: Mapping[str, float]) -> dict[str, Any]:
    flat = dict(options)
    if flat["initial_lr"] == flat["lr"]:
        del flat["initial_lr"]  # only schedulers use initial_lr, and set it to lr if it is missing
    pairs = {option: parts for option, parts in _PAIRS.items() if parts[0] in flat}
    paired = {option: tuple(flat.pop(part) for part in parts) for option, parts in pairs.items()}
    return flat | paired


def _state(kinds: Mapping[str, Kind], state: Mapping[str, Any]) -> dict[str, Value]:
    there = {field: value for field, value in state.items() if value is not None}
    known = {
        field: _value(kind, there.get(field)) for field, kind in kinds.items() if kind == "tensor?" or field in there
    }
    return known | {field: value for field, value in there.items() if field not in kinds}


def _refuse_missing(where: str, words: str, kinds: Mapping[str, Kind], fields: Mapping[str, Value]) -> None:
    missing = [field for field in kinds if field not in fields]
    if missing:
        raise ValueError(f"{where}: {words} {', '.join(missing)}")


def _value(kind: Kind, value: Any) -> Value:
    if value is None:
        return None
    if not kind.startswith("tensor"):
        return int(value) if kind == "i64" else float(value)
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"expected a tensor, found {type(value).__name__}")
    return from_torch(value)


def _state_in_torch(state: Mapping[str, Value]) -> dict[str, Any]:
    """The state as torch loads it. Numbers stay numbers: torch's ``__setstate__`` makes float32 tensors of them.

    ``load_state_dict`` would convert a tensor to the parameter's dtype
    (``Optimizer._process_value_according_to_param_policy``).
    """
    return {
        field: to_torch(value) if isinstance(value, Tensor) else float(value)
        for field, value in state.items()
        if value is not None
    }


def _initial(name: str, options: Mapping[str, float], parameter: Sequence[torch.Tensor], where: str) -> dict[str, Any]:
    """The state of a parameter that was never stepped: the fields that ``Initialize`` of TorchSharp's State class sets,
    with torch's initial values, which are float32 where they are numbers.

    ``parameter`` holds the parameter, or nothing if it is unknown. Only a state with tensors needs it.
    """
    state: dict[str, Any] = {}
    for field, kind in FIELDS[name_in_dotnet(name)].state.items():
        start = options.get(_FILLED_WITH[field], 0.0) if field in _FILLED_WITH else 0.0 if kind != "f64" else 1.0
        absent = name == "SGD" or (field == "max_exp_avg_sq" and not options.get("amsgrad"))
        if kind in ("f64", "i64"):
            state[field] = float(np.float32(start))
        elif not absent:
            if not parameter:
                raise ValueError(f"{where} was never stepped, so no state has its shape: give the parameter, too")
            like = parameter[0]
            state[field] = torch.full_like(like, complex(start, start) if like.is_complex() else start)
    return state
