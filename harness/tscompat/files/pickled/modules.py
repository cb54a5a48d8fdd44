"""The state dict of a module that was saved whole: from its parameters, buffers and children, without its class.

Imports its neighbours. The order is that of ``state_dict`` in torch/nn/modules/module.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from .inert import Record, Value, is_dict, is_list

_KEPT = ("_parameters", "_buffers", "_modules")
_DEPTH = 200
_MOST = 1 << 20
"""Entries of a state dict: children that many modules share have a name in each."""


class TooMuch(ValueError):
    """The modules are nested too deeply, or have too many entries. The message is a sentence without the file."""


def is_module(value: Value) -> bool:
    """Whether the value was a module: it has dicts of parameters and of children."""
    if not isinstance(value, Record):
        return False
    attributes = value.attributes
    return all(is_dict(attributes.get(name)) for name in ("_parameters", "_modules"))


def state_dict(module: Record) -> dict[str, Value]:
    """What ``state_dict()`` would return. Raises TooMuch."""
    found: dict[str, Value] = {}
    for name, value in _entries(module, "", 0):
        found[name] = value
        if len(found) > _MOST:
            raise TooMuch(f"its modules have more than {_MOST:,} entries")
    return found


def _entries(module: Record, prefix: str, depth: int) -> Iterator[tuple[str, Value]]:
    if depth > _DEPTH:
        raise TooMuch(f"its modules are nested deeper than {_DEPTH} levels")
    attributes = module.attributes
    parameters, buffers, children = (attributes.get(name) for name in _KEPT)
    volatile = attributes.get("_non_persistent_buffers_set")
    left = {name for name in volatile if isinstance(name, str)} if is_list(volatile) else set[str]()
    for kept in (parameters, buffers):
        for name, value in kept.items() if is_dict(kept) else ():
            if value is not None and not (kept is buffers and name in left):
                yield f"{prefix}{name}", value
    for name, child in children.items() if is_dict(children) else ():
        if is_module(child):
            yield from _entries(child, f"{prefix}{name}.", depth + 1)
