"""Finds the state dict in a checkpoint, which may be nested in whatever its author kept. Imports its neighbours, torch.

Nothing is guessed: the only one of its kind is taken, of several a person has to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

import torch

from .item import ConvertError, Tell

_DEPTH = 4
"""So many levels are looked through for a state dict."""
_SHOWN = 12

Keyed = Mapping[Any, Any]


class Kind(NamedTuple):
    """What is looked for."""

    one: str
    no: str
    several: str
    save: str
    matches: Callable[[Keyed], bool]
    at_least: Callable[[Keyed], object]
    """What is taken where nothing matches."""


def find(document: object, key: str, tell: Tell, kind: Kind) -> Keyed:
    """The state dict of this kind at or below ``key`` (dots go down a level), or the only one there is.

    Raises ConvertError when there is none, or several, with the keys to choose from.
    """
    if not is_mapping(document):
        raise ConvertError(f"expected {kind.one}, found {_type(document)}: save {kind.save}")
    start = _at(document, key) if key else document
    if not is_mapping(start):
        raise ConvertError(
            f"expected {kind.one} at the key {key!r}, found {_type(start)}; {_there_is(document, '', kind)}"
        )
    if is_optimizer(start) and kind is not OPTIMIZER:
        raise ConvertError(
            "this is the state of an optimizer ('state' and 'param_groups'), and does not say of which: "
            "give its class (--optimizer Adam), or the model's state dict"
        )
    found = list(_candidates(start, key, kind)) or ([(key, start)] if kind.at_least(start) else [])
    if len(found) != 1:
        raise ConvertError(f"{kind.several if found else kind.no} here; {_there_is(start, key, kind)}")
    ((path, chosen),) = found
    if path != key:
        beside = [str(name) for name, value in start.items() if value is not chosen]
        tell(f"taken: the state dict at the key {path!r}" + (f"; left: {_list(beside)}" if beside else ""))
    return chosen


def is_optimizer(mapping: Keyed) -> bool:
    """Whether it is what an optimizer's ``state_dict()`` gives."""
    return {"state", "param_groups"} <= mapping.keys()


def _candidates(mapping: Keyed, path: str, kind: Kind, depth: int = _DEPTH) -> Iterator[tuple[str, Keyed]]:
    if kind.matches(mapping):
        yield path, mapping
    elif depth and not is_optimizer(mapping):
        for name, value in mapping.items():
            if is_mapping(value):
                yield from _candidates(value, f"{path}.{name}" if path else str(name), kind, depth - 1)


def is_mapping(value: object) -> TypeGuard[Keyed]:
    """Whether it is a mapping, whatever is in it."""
    return isinstance(value, Mapping)


def _is_state_dict(mapping: Keyed) -> bool:
    """Whether half of the values or more are tensors: beside them may stand a version or an extra state."""
    return 0 < len(mapping) <= 2 * _tensors(mapping)


def _tensors(mapping: Keyed) -> int:
    return sum(isinstance(value, torch.Tensor) for value in mapping.values())


def _at(document: Keyed, key: str) -> object:
    """What is at a key with dots, which may also be part of a name; None if nothing is."""
    if key in document:
        return document[key]
    parts = key.split(".")
    for cut in range(1, len(parts)):
        inner = document.get(".".join(parts[:cut]))
        found = _at(inner, ".".join(parts[cut:])) if is_mapping(inner) else None
        if found is not None:
            return found
    return None


def _there_is(document: Keyed, key: str, kind: Kind) -> str:
    found = [f"--key {path} ({len(each)})" for path, each in _candidates(document, key, kind) if path]
    if found:
        return f"choose one (of so many entries): {_list(found)}"
    return f"the keys are {_list([f'{name!r} ({type(value).__name__})' for name, value in document.items()]) or 'none'}"


def _type(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _list(words: list[str]) -> str:
    rest = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


MODEL = Kind(
    *("a state dict", "no state dict", "several state dicts", "model.state_dict()"),
    matches=_is_state_dict,
    at_least=_tensors,
)
OPTIMIZER = Kind(
    *("an optimizer's state dict", "no optimizer's state dict", "several optimizers' state dicts"),
    save="optimizer.state_dict()",
    matches=is_optimizer,
    at_least=is_optimizer,
)
