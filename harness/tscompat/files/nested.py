"""Walks what a pickle describes: the values in dicts, lists and objects, by name, and the tensors among them.

May import values. Of files it imports item and pickled. Each object is visited once, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tscompat.values.text import shown

from .item import ModelFileError
from .pickled import modules
from .pickled.arrays import Array
from .pickled.described import Storage, Tensor
from .pickled.inert import Record, Value, is_bytes, is_dict, is_sequence

_MOST_SEARCHED = 10_000_000
_RANDOM_STATES = {5056, 5048, 16, 44}
"""Bytes of the states of torch's generators: of a CPU, of a CPU in old versions, of CUDA, of MPS."""


def at(document: Value, key: str) -> Value:
    """The value at ``key``, of which a dot goes down a level or is part of a name; None if there is none.

    Raises ModelFileError where several are there.
    """
    found: dict[int, Value] = {}
    parts = key.split(".")
    left: list[tuple[Value, int]] = [(document, 0)]
    seen: set[tuple[int, int]] = set()
    while left:
        value, start = left.pop()
        if start == len(parts):
            found[id(value)] = value
        elif (id(value), start) not in seen:
            seen.add((id(value), start))
            ends = {".".join(parts[start:end]): end for end in range(start + 1, len(parts) + 1)}
            left += [(child, ends[name]) for name, child in children(value) if name in ends and child is not None]
    if len(found) > 1:
        raise ModelFileError(
            f"--key {shown(key)}: {len(found)} values are there, by other dots or by a number and the same as a text: "
            "in Python, save the one that is meant"
        )
    return next(iter(found.values()), None)


def children(value: Value) -> Iterator[tuple[str, Value]]:
    """The values in a dict, list, tuple or object, each with its name or number, which is its part of a key."""
    if is_dict(value):
        yield from ((str(name), child) for name, child in value.items() if isinstance(name, str | int))
    elif is_sequence(value):
        yield from ((str(number), child) for number, child in enumerate(value))
    elif isinstance(value, Record):
        attributes = value.attributes
        parts = attributes.get("_modules") if modules.are_of_module(attributes) else None
        for part in (parts, attributes, value.pairs, value.elements):
            if part:
                yield from children(part)


def _all_children(value: Value) -> Iterator[tuple[str, Value]]:
    """As ``children``, with what an object is made from, and with what has another key than a name or number."""
    yield from children(value)
    if isinstance(value, Record):
        yield from (("", part) for part in (value.args, value.state, value.pairs))
    elif is_dict(value):
        yield from (("", child) for name, child in value.items() if not isinstance(name, str | int))


def is_container(value: Value) -> bool:
    """Whether the value may have children."""
    return is_dict(value) or is_sequence(value) or isinstance(value, Record)


def tensor_in(value: Value) -> Tensor | None:
    """The tensor, of torch or numpy; None for another value."""
    return value if isinstance(value, Tensor) else value.tensor if isinstance(value, Array) else None


def numel(value: Value) -> int:
    """The number of elements of a tensor that may be a weight; the state of a random generator is none."""
    tensor = tensor_in(value)
    return 0 if tensor is None or is_random_state(tensor) else tensor.numel


def is_random_state(tensor: Tensor) -> bool:
    """Whether the tensor has the size and dtype of the state of one of torch's random generators."""
    return tensor.dtype == "uint8" and len(tensor.shape) == 1 and tensor.numel in _RANDOM_STATES


def elements(start: Value, chosen: Value | None, seen: set[int]) -> int:
    """The number of elements in the tensors of ``start``, at all levels, that may be weights, without ``chosen``.

    What is in ``seen`` was counted before.
    """
    count = 0
    left = [start]
    while left:
        value = left.pop()
        if id(value) in seen or value is chosen:
            continue
        seen.add(id(value))
        count += numel(value)
        if not is_of_training(value):
            left += [child for name, child in _all_children(value) if not is_of_optimizer(name)]
    return count


def is_of_optimizer(name: str) -> bool:
    """Whether what has this name belongs to an optimizer."""
    return "optim" in name.lower()


def is_optimizer(value: Value) -> bool:
    """Whether the value is a dict with the keys of an optimizer's ``state_dict()``."""
    return is_dict(value) and "state" in value and "param_groups" in value


def is_of_training(value: Value) -> bool:
    """Whether the value is the state of an optimizer, fastai's too."""
    return is_optimizer(value) or (is_dict(value) and "state" in value and "hypers" in value)


class Searched:
    """Searches values for tensors. What has none is searched once."""

    def __init__(self) -> None:
        self._none: set[int] = set()
        self._left = _MOST_SEARCHED

    def holds_tensors(self, value: Value) -> bool:
        """Whether a value is a tensor or storage, or has one at any level. Raises ModelFileError after many steps."""
        seen: set[int] = set()
        if next(self._tensors([value], seen), None) is not None:
            return True
        self._none |= seen
        return False

    def tensors(self, values: Iterable[Value]) -> set[int]:
        """The identities of all tensors and storages in values at any level. Raises as ``holds_tensors``."""
        return {id(each) for each in self._tensors(values, set())}

    def _tensors(self, values: Iterable[Value], seen: set[int]) -> Iterator[Value]:
        left = [*values]
        while left:
            each = left.pop()
            if tensor_in(each) is not None or isinstance(each, Storage):
                yield each
            elif is_container(each) and id(each) not in seen and id(each) not in self._none:
                seen.add(id(each))
                below = [child for _, child in _all_children(each)]
                self._left -= len(below)
                if self._left < 0:
                    raise ModelFileError(
                        "too many objects share others beside the tensors: torch.save() the tensors alone"
                    )
                left += below


def class_of(value: Value, *, short: bool = False) -> str:
    """What a value is, in a few words: its class."""
    if isinstance(value, Record):
        return shown(value.name)
    if value is None:
        return "NoneType" if short else "nothing"
    known = "tensor" if tensor_in(value) is not None else "bytes" if is_bytes(value) else type(value).__name__
    return known if short else f"a value of type {known}"


def with_class(name: str, value: Value) -> str:
    """The name, and the class of what was not built."""
    shown_name = shown(name)
    if isinstance(value, Record):
        return f"{shown_name} ({class_of(value)})"
    return f"{shown_name} (a tensor)" if tensor_in(value) is not None else shown_name
