"""Finds the state dict in a checkpoint, which may be nested in whatever its author kept. Imports its neighbours, torch.

Nothing is guessed: one mapping of tensors is taken, of several a person has to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import torch

from .item import ConvertError, Tell

_DEPTH = 4
"""So many levels are looked through for a state dict."""
_SHOWN = 12

Keyed = Mapping[Any, Any]


def find(document: object, key: str, tell: Tell) -> Keyed:
    """The state dict at or below ``key`` (dots go down a level), or the only one there is.

    Raises ConvertError when there is none, or several, with the keys to choose from.
    """
    if not _is_mapping(document):
        raise ConvertError(f"expected a state dict, found {_kind(document)}: save model.state_dict()")
    start = _at(document, key) if key else document
    if not _is_mapping(start):
        raise ConvertError(f"expected a state dict at the key {key!r}, found {_kind(start)}; {_there_is(document)}")
    if is_optimizer(start):
        raise ConvertError(
            "this is the state of an optimizer ('state' and 'param_groups'), and only models can be converted: "
            "give the model's state dict"
        )
    found = list(_candidates(start, key)) or ([(key, start)] if _tensors(start) else [])
    if len(found) != 1:
        raise ConvertError(f"{'several state dicts' if found else 'no state dict'} here; {_there_is(start, key)}")
    ((path, chosen),) = found
    if path != key:
        beside = [str(name) for name, value in start.items() if value is not chosen]
        tell(f"taken: the state dict at the key {path!r}" + (f"; left: {_list(beside)}" if beside else ""))
    return chosen


def is_optimizer(mapping: Keyed) -> bool:
    """Whether it is what an optimizer's ``state_dict()`` gives."""
    return {"state", "param_groups"} <= mapping.keys()


def _candidates(mapping: Keyed, path: str, depth: int = _DEPTH) -> Iterator[tuple[str, Keyed]]:
    if _is_state_dict(mapping):
        yield path, mapping
        return
    for name, value in mapping.items():
        if _is_mapping(value) and depth and not is_optimizer(value):
            yield from _candidates(value, f"{path}.{name}" if path else str(name), depth - 1)


def _is_mapping(value: object) -> TypeGuard[Keyed]:
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
        found = _at(inner, ".".join(parts[cut:])) if _is_mapping(inner) else None
        if found is not None:
            return found
    return None


def _there_is(document: Keyed, key: str = "") -> str:
    found = [f"--key {path} ({len(each)})" for path, each in _candidates(document, key) if path]
    if found:
        return f"choose one (of so many entries): {_list(found)}"
    return f"the keys are {_list([f'{name!r} ({type(value).__name__})' for name, value in document.items()]) or 'none'}"


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _list(words: list[str]) -> str:
    rest = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
