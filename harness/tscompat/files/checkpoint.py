"""Finds the state dict in a checkpoint, which may be nested in dicts and lists. Imports torch and its neighbours.

Nothing is guessed: a state dict is taken only if it is the only one of its kind. If there are several, or if more
elements are beside a model's state dict than in it, the person has to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

import torch

from .item import ModelFileError, Tell, some

_DEPTH = 16
"""How many levels deep a state dict is searched for."""

Keyed = Mapping[Any, Any]


class Kind(NamedTuple):
    """The kind of state dict to find, a model's or an optimizer's: words for messages, and how it is recognized."""

    one: str
    no: str
    several: str
    save: str
    matches: Callable[[Keyed], bool]
    at_least: Callable[[Keyed], object]
    """Whether the mapping where the search starts is taken if nothing matches."""


def find(document: object, key: str, tell: Tell, kind: Kind) -> Keyed:
    """The only state dict of this kind in ``document``, or at or below ``key`` if one is given.

    A dot of the key goes down a level or is part of a name. ``tell`` gets the key of a state dict found below ``key``.
    Raises ModelFileError, with the keys to choose from, when there is none or several; and when a model's state dict
    found below ``key`` has fewer elements than there are beside it.
    """
    if not is_mapping(document):
        raise ModelFileError(f"expected {kind.one}, found {_type(document)}: save {kind.save}")
    start = _at(document, key) if key else document
    if not is_mapping(start):
        raise ModelFileError(
            f"expected {kind.one} at the key {key!r}, found {_type(start)}; {_there_is(document, '', kind)}"
        )
    if is_optimizer(start) and kind is not OPTIMIZER:
        raise ModelFileError(
            "this is the state of an optimizer ('state' and 'param_groups'), which does not name its class: "
            "give its class (--optimizer Adam), or the model's state dict"
        )
    found = list(_candidates(start, key, kind)) or ([(key, start)] if kind.at_least(start) else [])
    if len(found) != 1:
        raise ModelFileError(f"{kind.several if found else kind.no} here; {_there_is(start, key, kind)}")
    ((path, chosen),) = found
    if path != key:
        if kind is not OPTIMIZER:
            _refuse_little(start, chosen, path)
        beside = [str(name) for name, value in start.items() if value is not chosen]
        tell(f"converting the state dict at the key {path!r}" + (f"; not converted: {some(beside)}" if beside else ""))
    return chosen


def _refuse_little(document: Keyed, chosen: Keyed, path: str) -> None:
    """Raise ModelFileError where more elements are beside the state dict than in it: they may be the weights."""
    taken = _elements(chosen, "", None)
    left = {name: _elements(value, name, chosen) for name, value in _children(document)}
    if sum(left.values()) > taken:
        names = some([repr(name) for name, elements in left.items() if elements])
        raise ModelFileError(
            f"the state dict at the key {path!r} has {taken} elements, and {sum(left.values())} more are beside it in "
            f"{names}: give --key {path} if it is all of the model, or torch.save() the model's state dict alone"
        )


def _elements(value: object, name: str, chosen: Keyed | None) -> int:
    """The number of elements in the tensors of ``value``, at all levels, that may be weights, without ``chosen``.

    The state of optimizers and of random generators (one-dimensional uint8 tensors) is not counted.
    """
    if isinstance(value, torch.Tensor):
        return 0 if value.dtype == torch.uint8 and value.ndim == 1 else value.numel()
    if value is chosen or "optim" in name.lower() or (is_mapping(value) and is_optimizer(value)):
        return 0
    return sum(_elements(child, name, chosen) for name, child in _children(value))


def is_optimizer(mapping: Keyed) -> bool:
    """Whether the mapping has the keys of an optimizer's ``state_dict()``."""
    return {"state", "param_groups"} <= mapping.keys()


def _candidates(value: object, path: str, kind: Kind, depth: int = _DEPTH) -> Iterator[tuple[str, Keyed]]:
    if is_mapping(value) and kind.matches(value):
        yield path, value
    elif not (is_mapping(value) and is_optimizer(value)):
        for name, child in _children(value):
            if not depth:
                raise ModelFileError(
                    f"nested deeper than {_DEPTH} levels at {path!r}: torch.save() the state dict alone"
                )
            yield from _candidates(child, f"{path}.{name}" if path else name, kind, depth - 1)


def _children(value: object) -> Iterator[tuple[str, object]]:
    """The values in a dict, list or tuple, each with its name or number, which is its part of a key."""
    if is_mapping(value):
        yield from ((str(name), child) for name, child in value.items())
    elif _is_list(value):
        yield from ((str(number), child) for number, child in enumerate(value))


def is_mapping(value: object) -> TypeGuard[Keyed]:
    """Whether the value is a mapping, with keys and values of any type."""
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, list | tuple)


def _is_state_dict(mapping: Keyed) -> bool:
    """Whether at least half of the values are tensors: a state dict may also hold a version or an extra state."""
    return 0 < len(mapping) <= 2 * _tensors(mapping)


def _tensors(mapping: Keyed) -> int:
    return sum(isinstance(value, torch.Tensor) for value in mapping.values())


def _at(document: object, key: str) -> object:
    """The value at ``key``, of which a dot goes down a level or is part of a name; None if there is none."""
    children = dict(_children(document))
    if key in children:
        return children[key]
    parts = key.split(".")
    inner = ((children.get(".".join(parts[:cut])), ".".join(parts[cut:])) for cut in range(1, len(parts)))
    return next((found for child, rest in inner if (found := _at(child, rest)) is not None), None)


def _there_is(document: Keyed, key: str, kind: Kind) -> str:
    found = [f"--key {path} ({len(each)})" for path, each in _candidates(document, key, kind) if path]
    if found:
        return f"choose one (entries in brackets): {some(found)}"
    return f"the keys are {some([f'{name!r} ({type(value).__name__})' for name, value in document.items()]) or 'none'}"


def _type(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


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
