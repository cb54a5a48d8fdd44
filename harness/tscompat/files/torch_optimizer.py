"""Validates an optimizer state dict against the requested class.

A pickle may hold anything; ``judged`` returns a state dict in the form of ``torch.optim.Optimizer.state_dict()``. Files
of old versions of torch lack options: the ones that torch adds on loading are added. May import codec, python_side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import torch

from tscompat.codec.optimizer import LAYOUTS, Kind
from tscompat.python_side.torch_optimizers import HOW, Saved, defaults_of, name_in_dotnet, name_in_torch

from . import torch_item
from .checkpoint import Keyed, is_mapping
from .item import Item, ModelFileError, Tell, Unfit, listed
from .writers import WRITERS

_NO_OPTIONS = {"params", "initial_lr"}
"""Keys of a group that are no options: its parameters' numbers, and the learning rate that a scheduler started from."""


def judged(state: Keyed, name: str, tell: Tell) -> Saved:
    """The state dict in the form that ``torch_optimizers.record_of`` takes.

    Options that the class does not have are left out, and ``tell`` gets their names. Raises ModelFileError, with a line
    for each of the first ten faults, for the state of another class than ``name`` of torch.optim, for a value that a
    .dat cannot hold, and for a parameter that was never stepped, because nothing shows its shape.
    """
    states, groups = state["state"], state["param_groups"]
    if not _are_states(states) or not _are_groups(groups):
        raise ModelFileError(
            "'state' and 'param_groups' are not as torch.optim saves them: save optimizer.state_dict()"
        )
    defaults = defaults_of(name)
    others = {option for each in LAYOUTS for option in defaults_of(name_in_torch(each))} - defaults.keys() - HOW
    faults = [fault for number, group in enumerate(groups) for fault in _other_class(number, group, defaults, others)]
    if faults:
        raise ModelFileError(f"this is not the state of {name}: give another --optimizer:{listed(faults)}")
    numbers = [number for group in groups for number in group["params"]]
    faults = [fault for number in numbers for fault in _unfit(number, states.get(number) or {}, name)]
    if faults:
        raise ModelFileError(f"nothing is written, because a .dat cannot hold all of it:{listed(faults)}")
    known = defaults.keys() | _NO_OPTIONS | HOW
    left = sorted({option for group in groups for option in group.keys() - known})
    if left:
        tell(f"not converted: {', '.join(left)} (of the parameter groups), which are no options of {name}")
    added = {option: value for option, value in defaults.items() if isinstance(value, bool)}
    kept = [{option: value for option, value in group.items() if option in known} for group in groups]
    return {"state": states, "param_groups": [{**added, **group} for group in kept]}


def _are_states(states: object) -> TypeGuard[Mapping[Any, Keyed]]:
    return is_mapping(states) and all(map(_is_named, states.values()))


def _are_groups(groups: object) -> TypeGuard[list[Keyed]]:
    return _is_list(groups) and all(_is_named(group) and _are_numbers(group.get("params")) for group in groups)


def _are_numbers(numbers: object) -> bool:
    return _is_list(numbers) and all(isinstance(number, int) for number in numbers)


def _is_named(value: object) -> TypeGuard[Keyed]:
    return is_mapping(value) and all(isinstance(name, str) for name in value)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list | tuple)


def _other_class(number: int, group: Keyed, defaults: Mapping[str, Any], others: set[str]) -> Iterator[str]:
    foreign = sorted(others & group.keys())
    if foreign:
        yield f"group {number} has options of another class: {', '.join(foreign)}"
    missing = [name for name, default in defaults.items() if _is_required(default) and name not in group]
    if missing:
        yield f"group {number} has no {', '.join(missing)}"
    for name, default in {**defaults, "initial_lr": 0.0}.items():
        value = group.get(name)
        if isinstance(default, tuple):
            wanted, fits = "two numbers", _is_list(value) and len(value) == 2 and all(map(_is_number, value))
        else:
            wanted, fits = "a number", _is_number(value)
        if name in group and default is not None and not fits:
            yield f"group {number}: found {name} {value!r}; expected {wanted}"


def _is_required(default: object) -> bool:
    """Whether files of every version have the option: torch adds missing bools when it loads a file."""
    return default is not None and not isinstance(default, bool)


def _unfit(number: int, state: Keyed, name: str) -> Iterator[str]:
    kinds = LAYOUTS[name_in_dotnet(name)].state
    if not state and "tensor" in kinds.values():
        yield (
            f"parameter {number} was never stepped, and the file does not contain its shape: make a step with a "
            "gradient for it, or leave it out of the optimizer, and save again"
        )
    for field, kind in kinds.items():
        why = "" if state.get(field) is None else _why(field, kind, state[field])
        if why:
            yield f"{field} of parameter {number}: {why}"


def _why(field: str, kind: Kind, value: object) -> str:
    if not kind.startswith("tensor"):
        return "" if _is_number(value) else f"of type {type(value).__name__}; expected one number"
    item = torch_item.item(field, value)
    return item.why if isinstance(item, Unfit) else WRITERS[".dat"].unfit(item)


def _is_number(value: object) -> bool:
    if not isinstance(value, torch.Tensor):
        return isinstance(value, int | float)
    item = torch_item.item("", value)
    return isinstance(item, Item) and math.prod(item.shape) == 1 and not value.is_complex()
