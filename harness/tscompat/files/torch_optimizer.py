"""Validates an optimizer state dict against the requested class.

A pickle may hold anything: ``record_from`` accepts what ``torch.optim.Optimizer.state_dict()`` returns. Files of old
versions of torch lack options: the ones that torch adds on loading are added. Imports torch. May import values,
codec, python_side.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import torch

from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS, Kind
from tscompat.python_side.torch_optimizers import HOW, Saved, defaults_of, name_in_dotnet, name_in_torch, record_of
from tscompat.values.text import shown

from . import torch_item
from .checkpoint import Keyed
from .item import ModelFileError, Tell, Unfit, listed
from .nested import class_of, tensor_in
from .pickled import described
from .pickled.inert import is_dict, is_list, is_sequence, is_tuple
from .torch_files import Shapes
from .writers import WRITERS

_CLASSES = [name_in_torch(each) for each in LAYOUTS]

_OLD, _SINCE_1_12 = {"amsgrad", "centered", "nesterov"}, "foreach"
"""Bools that were there long before torch 1.12, and an option that all classes have since then."""
_NO_OPTIONS = {"params", "initial_lr"}
"""Keys of a group that are no options: its parameters' numbers, and the learning rate that a scheduler started from."""


def record_from(state: Keyed, name: str, shapes: Shapes, tell: Tell) -> tuple[OptimizerRecord, list[int]]:
    """The record of TorchSharp's class, and how many parameters each group has.

    ``shapes`` gives the model's parameters, for those that were never stepped. Options that the class does not have are
    left out, and ``tell`` gets their names. Raises ModelFileError, with a line for each of the first ten faults, for
    the state of another class than ``name`` of torch.optim, for a value that a .dat cannot hold, and for a parameter
    that was never stepped, if nothing shows its shape; and what ``record_of`` raises.
    """
    states, groups = state["state"], state["param_groups"]
    if not _are_states(states) or not _are_groups(groups):
        raise ModelFileError(
            "'state' and 'param_groups' are not as torch.optim saves them: save optimizer.state_dict()"
        )
    faults = _other_class(groups, name)
    if faults:
        fitting = [each for each in _CLASSES if each != name and not _other_class(groups, each) and _fits(states, each)]
        named = f": it fits {' or '.join(fitting)}" if fitting else ": give another --optimizer"
        raise ModelFileError(f"this is not the state of {name}{named}:{listed(faults)}")
    numbers = [number for group in groups for number in group["params"]]
    stepped = {number: states.get(number) or {} for number in numbers}
    faults = [fault for number in numbers for fault in _unfit(number, stepped[number], name)]
    if faults:
        raise ModelFileError(f"nothing is written, because a .dat cannot hold all of it:{listed(faults)}")
    like = _parameters(stepped, name, shapes)
    known = defaults_of(name).keys() | _NO_OPTIONS | HOW
    left = sorted({option for group in groups for option in group.keys() - known})
    if left:
        tell(f"not converted: {', '.join(left)} (of the parameter groups), which are no options of {name}")
    added = {option: value for option, value in defaults_of(name).items() if isinstance(value, bool)}
    kept = [{option: _in_torch(value) for option, value in group.items() if option in known} for group in groups]
    made = {number: {field: _in_torch(value) for field, value in each.items()} for number, each in states.items()}
    saved: Saved = {"state": made, "param_groups": [{**added, **group} for group in kept]}
    return record_of(name, saved, like), [len(group["params"]) for group in groups]


def _parameters(stepped: Mapping[int, Keyed], name: str, shapes: Shapes) -> list[torch.Tensor]:
    """A tensor with the shape and dtype of each parameter: by its state, else by the model's state dict.

    Empty if no parameter needs one. The model's are in the optimizer's order if all that were stepped agree with it.
    """
    fields = [field for field, kind in LAYOUTS[name_in_dotnet(name)].state.items() if kind.startswith("tensor")]
    needed = "tensor" in LAYOUTS[name_in_dotnet(name)].state.values()
    lacking = [number for number, state in stepped.items() if not state]
    if not lacking or not needed:
        return []
    found = shapes()
    shaped = {
        number: next((each for field in fields if (each := tensor_in(state.get(field)))), None)
        for number, state in stepped.items()
    }
    pairs = list(zip(shaped.values(), found, strict=False))
    if len(found) != len(shaped) or any(each is not None and each.shape != like.shape for each, like in pairs):
        raise ModelFileError(
            f"{len(lacking)} parameters were never stepped, number {lacking[0]} first, and nothing in the file shows "
            "their shapes (a model's state dict beside it would, with as many parameters): make a step with "
            "a gradient for each, or leave them out of the optimizer, and save again"
        )
    return [torch.empty(like.shape, dtype=getattr(torch, like.dtype)) for like in found]


def _in_torch(value: Any) -> Any:
    """The value, with tensors of torch in the place of descriptions."""
    tensor = tensor_in(value)
    if tensor is not None:
        item = described.item("", tensor)
        if isinstance(item, Unfit):
            raise ModelFileError(item.why)
        return torch_item.tensor_of(item)
    return tuple(_in_torch(each) for each in value) if is_list(value) or is_tuple(value) else value


def _are_states(states: object) -> TypeGuard[dict[Any, dict[Any, Any]]]:
    return is_dict(states) and all(map(_is_named, states.values()))


def _are_groups(groups: object) -> TypeGuard[list[dict[Any, Any]]]:
    return is_sequence(groups) and all(_is_named(group) and _are_numbers(group.get("params")) for group in groups)


def _are_numbers(numbers: object) -> bool:
    return is_sequence(numbers) and all(type(number) is int for number in numbers)


def _is_named(value: object) -> TypeGuard[dict[Any, Any]]:
    return is_dict(value) and all(isinstance(name, str) for name in value)


def _fits(states: Mapping[Any, Keyed], name: str) -> bool:
    """Whether the states have only fields that the class keeps."""
    fields = LAYOUTS[name_in_dotnet(name)].state.keys()
    return all(state.keys() <= fields for state in states.values())


def _other_class(groups: list[dict[Any, Any]], name: str) -> list[str]:
    """What in the groups shows that they are of another class."""
    defaults = defaults_of(name)
    others = {option for each in _CLASSES for option in defaults_of(each)} - defaults.keys() - HOW
    return [fault for number, group in enumerate(groups) for fault in _odd_options(number, group, defaults, others)]


def _odd_options(number: int, group: Keyed, defaults: Mapping[str, Any], others: set[str]) -> Iterator[str]:
    foreign = sorted(others & group.keys())
    if foreign:
        yield f"group {number} has options of another class: {', '.join(foreign)}"
    missing = [name for name, default in defaults.items() if _is_required(name, default, group) and name not in group]
    if missing:
        yield f"group {number} has no {', '.join(missing)}"
    for name, default in {**defaults, "initial_lr": 0.0}.items():
        value = group.get(name)
        if isinstance(default, tuple):
            wanted, fits = "two numbers", is_sequence(value) and len(value) == 2 and all(map(_is_number, value))
        elif isinstance(default, bool):
            wanted, fits = "True or False", _is_number(value) and _number(value) in (0, 1)
        else:
            wanted, fits = "a number", _is_number(value)
        if name in group and default is not None and not fits:
            yield f"group {number}: found {name} {_words(value)}; expected {wanted}"


def _is_required(name: str, default: object, group: Keyed) -> bool:
    """Whether files of the group's version have the option: torch adds missing bools when it loads a file."""
    return default is not None and (not isinstance(default, bool) or (name in _OLD and _SINCE_1_12 in group))


def _unfit(number: int, state: Keyed, name: str) -> Iterator[str]:
    kinds = LAYOUTS[name_in_dotnet(name)].state
    for field, kind in kinds.items():
        why = "" if state.get(field) is None else _why(field, kind, state[field])
        if why:
            yield f"{field} of parameter {number}: {why}"


def _why(field: str, kind: Kind, value: object) -> str:
    if not kind.startswith("tensor"):
        if not _is_number(value):
            return f"of type {_class(value)}; expected one number"
        number = _number(value)
        return "" if kind != "i64" or number.is_integer() else f"{number}; expected a whole number"
    tensor = tensor_in(value)
    if tensor is None:
        return f"of type {_class(value)}, and not a tensor"
    item = described.item(field, tensor)
    return item.why if isinstance(item, Unfit) else WRITERS[".dat"].unfit(item)


def _words(value: object) -> str:
    """The value of an option, or its class."""
    plain = value is None or isinstance(value, int | float | str) or is_sequence(value)
    return shown(reprlib.repr(value)) if plain else f"of type {_class(value)}"


def _class(value: object) -> str:
    return class_of(value, short=True)


def _is_number(value: object) -> bool:
    tensor = tensor_in(value)
    if tensor is None:
        return isinstance(value, int | float)
    return tensor.numel == 1 and not tensor.why and not tensor.dtype.startswith("complex")


def _number(value: Any) -> float:
    """The number of which ``_is_number`` is true. Raises ModelFileError where its bytes are damaged."""
    try:
        return float(_in_torch(value))
    except OverflowError:  # an integer that is too large for a float
        return math.inf
