"""The state dict of a module that was saved whole: from its parameters, buffers and children, without its class.

Imports its neighbours. The order is that of ``state_dict`` in torch/nn/modules/module.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from .arrays import Array
from .calls import advice, advice_for_module
from .described import Tensor, unreadable
from .inert import Record, Value, is_dict, is_list

_KEPT = ("_parameters", "_buffers", "_modules")
_PACKED = "_packed_params"
"""What quantized layers keep beside their parameters: their state dict has it in another form."""
_DEPTH = 200
_MOST = 1 << 18
"""Modules and entries of a state dict: a child that many modules share is visited in each."""


class TooMuch(ValueError):
    """The modules are nested too deeply, or are too many. The message is a sentence without the file."""


class Levels:
    """How deep a walk through modules is, and how much it has visited."""

    def __init__(self, depth: int = 0, visited: list[int] | None = None) -> None:
        self._depth = depth
        self._visited = [0] if visited is None else visited

    def below(self) -> Levels:
        """The level below. Raises TooMuch."""
        if self._depth == _DEPTH:
            raise TooMuch(f"its modules are nested deeper than {_DEPTH} levels")
        self.count()
        return Levels(self._depth + 1, self._visited)

    def count(self) -> None:
        """Count a module or an entry. Raises TooMuch."""
        self._visited[0] += 1
        if self._visited[0] > _MOST:
            raise TooMuch(f"it has more than {_MOST:,} modules and entries")


def is_module(value: Value) -> TypeGuard[Record]:
    """Whether the value was a module."""
    return isinstance(value, Record) and are_of_module(value.attributes)


def are_of_module(attributes: dict[Any, Any]) -> bool:
    """Whether the attributes are a module's: it has dicts of parameters and of children."""
    return is_dict(attributes.get("_parameters")) and is_dict(attributes.get("_modules"))


def state_dict(module: Record) -> dict[str, Value]:
    """What ``state_dict()`` would return. Raises TooMuch."""
    return dict(_entries(module, "", Levels()))


def _entries(module: Record, prefix: str, levels: Levels) -> Iterator[tuple[str, Value]]:
    levels = levels.below()
    for name, value in _own(module):
        levels.count()
        yield f"{prefix}{name}", value
    for name, child in _children(module):
        yield from _entries(child, f"{prefix}{name}.", levels)


def _own(module: Record) -> Iterator[tuple[str, Value]]:
    attributes = module.attributes
    volatile = attributes.get("_non_persistent_buffers_set")
    left = {name for name in volatile if isinstance(name, str)} if is_list(volatile) else set[str]()
    for kind in _KEPT[:2]:
        kept = attributes.get(kind)
        for name, value in kept.items() if is_dict(kept) else ():
            if isinstance(name, str) and value is not None and not (kind == "_buffers" and name in left):
                yield name, value if isinstance(value, Tensor | Array) else unreadable(advice(_class(value)))
    if attributes.get(_PACKED) is not None:
        yield _PACKED, unreadable(advice("torch.ao.nn.quantized layer"))
    for name, child in _kept(module):
        if child is not None and not is_module(child):
            yield name, unreadable(advice_for_module(_class(child)))


def _class(value: Value) -> str:
    """The class of a parameter or child whose state only its class puts together, as where it has a __getstate__."""
    return value.name if isinstance(value, Record) else type(value).__name__


def _kept(module: Record) -> Iterator[tuple[str, Value]]:
    children = module.attributes.get("_modules")
    found = children.items() if is_dict(children) else ()
    yield from ((name, child) for name, child in found if isinstance(name, str))


def _children(module: Record) -> Iterator[tuple[str, Record]]:
    yield from ((name, child) for name, child in _kept(module) if is_module(child))


def weight(module: Record, weigh: Callable[[Value], int], known: dict[int, int]) -> int:
    """The sum of ``weigh`` over a module's entries, those of a shared child each time. ``known`` has the modules' sums.

    Raises TooMuch for a module that is nested too deeply; of one in itself the inner one weighs nothing.
    """
    if id(module) not in known:
        known[id(module)] = 0
        known[id(module)] = _weight(module, weigh, known, Levels())
    return known[id(module)]


def _weight(module: Record, weigh: Callable[[Value], int], known: dict[int, int], levels: Levels) -> int:
    levels = levels.below()
    total = sum(weigh(value) for _, value in _own(module))
    for _, child in _children(module):
        if id(child) not in known:
            known[id(child)] = 0
            known[id(child)] = _weight(child, weigh, known, levels)
        total += known[id(child)]
    return total
