"""Finds the state dict in what a pickle describes: nested in dicts, lists and objects. May import values.

Of files it imports item and pickled. Nothing is guessed: a state dict is taken only if it is the only one of its kind.
If there are several, or if more elements are beside a model's state dict than in it, the person has to choose. Each
object is visited once, and nothing recurses: the time is linear in the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from tscompat.values.text import shown

from .item import ModelFileError, Tell, some
from .nested import (
    Searched,
    at,
    children,
    class_of,
    elements,
    is_container,
    is_of_optimizer,
    is_of_training,
    is_optimizer,
    is_random_state,
    numel,
    tensor_in,
    with_class,
)
from .pickled import modules
from .pickled.described import Tensor
from .pickled.inert import Record, Value, is_dict, is_sequence, is_tuple

Keyed: TypeAlias = Mapping[Any, Any]


class Kind(NamedTuple):
    """The kind of state dict to find, a model's or an optimizer's: words for messages, and how it is recognized."""

    one: str
    no: str
    several: str
    save: str
    weight: Callable[[Value, dict[int, int]], int]
    """How much of it a value itself holds, 0 where it is none of this kind. The dict is kept for a whole walk."""


class _Found(NamedTuple):
    """A value that was visited, and how it is reached."""

    value: Value
    name: str
    above: int
    """The index of the value that it was found in; -1 at the start."""
    candidate: int
    """The index of the nearest candidate above; -1 if there is none."""
    weight: int
    same: int = -1
    """The index of the same object where it was visited before; -1 if this is the first time."""


def find(document: Value, key: str, tell: Tell, kind: Kind) -> Keyed:
    """The only state dict of this kind in ``document``, or at or below ``key`` if one is given: its entries by name.

    A dot of the key goes down a level or is part of a name. ``tell`` gets the key of a state dict found below ``key``,
    and what is beside it. Raises ModelFileError, with the keys to choose from, when there is none or several; and when
    a model's state dict found below ``key`` has fewer elements than there are beside it.
    """
    start = at(document, key) if key else document
    if not is_container(start):
        place = f" at the key {shown(key)!r}" if key else ""
        choice = f"; {_there_is(document, '', kind)}" if key else f": save {kind.save}"
        raise ModelFileError(f"expected {kind.one}{place}, found {class_of(start)}{choice}")
    if is_optimizer(start) and kind is not OPTIMIZER:
        raise ModelFileError(
            "this is the state of an optimizer ('state' and 'param_groups'), which does not name its class: convert "
            "takes it with its class (--optimizer Adam); or give the model's state dict"
        )
    found = _visit(start, kind)
    chosen = _chosen(found)
    if not chosen and kind is MODEL and (listed := _listed(start)):
        return listed
    if len(chosen) != 1:
        raise ModelFileError(f"{kind.several if chosen else kind.no} here; {_there_is(start, key, kind)}")
    (index,) = chosen
    value = found[index].value
    nested = bool(index or key)
    if kind is MODEL and nested and found[index].weight == _SCALARS and is_dict(value) and all(map(_is_path, value)):
        raise ModelFileError(
            f"these are scores of {some([*map(shown, value)])}, and no model; {_there_is(document, '', kind)}"
        )
    if index:
        path = _path(found, index, key)
        if kind is MODEL:
            _refuse_little(start, value, path)
        beside = [(name, child) for name, child in children(start) if child is not value]
        left = some((with_class(name, child) for name, child in beside), len(beside))
        tell(f"reading the state dict at the key {shown(path)!r}" + (f"; left: {left}" if beside else ""))
    if modules.is_module(value):
        tell(
            "the state dict is put together from the module's parameters, buffers and children: where its class "
            "defines state_dict() otherwise, torch.save(model.state_dict())"
        )
    return entries(value)


def entries(value: Value) -> Keyed:
    """The entries of a state dict: of a dict, of a module as its ``state_dict()``, of an object by its attributes.

    Raises ModelFileError for an object with tensors that would be lost.
    """
    if is_dict(value):
        return {name: each[1] for name, each in value.items()} if _is_paired(value) else value
    if modules.is_module(value):
        try:
            return modules.state_dict(value)
        except modules.TooMuch as error:
            raise ModelFileError(str(error)) from error
    named = dict(children(value))
    searched = Searched()
    if not searched.tensors([value]) <= searched.tensors(named.values()):
        raise ModelFileError(
            f"a {class_of(value)} keeps tensors that have no name here, or one that another has: in Python, where you "
            "trust the file, save its tensors by name, in a dict"
        )
    return named


def _visit(start: Value, kind: Kind) -> list[_Found]:
    """All containers at and below ``start``, those above first; for a model, nothing of an optimizer.

    What is in them is visited once.
    """
    found: list[_Found] = []
    seen: dict[int, int] = {}
    known: dict[int, int] = {}
    left: list[tuple[Value, str, int, int]] = [(start, "", -1, -1)]
    while left:
        value, name, above, candidate = left.pop()
        index = len(found)
        same = seen.setdefault(id(value), index)
        if same != index:
            if found[same].weight:
                found.append(_Found(value, name, above, candidate, 0, same))
            continue
        weight = kind.weight(value, known)
        found.append(_Found(value, name, above, candidate, weight))
        if modules.is_module(value) or (index and kind is MODEL and is_of_training(value)):
            continue
        inner = index if weight else candidate
        beside = _BESIDE if index == 0 and kind is MODEL and is_dict(value) and _LIGHTNING in value else ()
        below = [
            (child, each, index, inner) for each, child in children(value) if is_container(child) and each not in beside
        ]
        left += reversed(below)
    return found


def _chosen(found: list[_Found]) -> list[int]:
    """The candidates that may be meant: of one inside of another, the one that holds more."""
    candidates = [index for index, each in enumerate(found) if each.weight]
    most = max((found[index].weight for index in candidates), default=0)
    if most > _SCALARS:
        candidates = [index for index in candidates if found[index].weight > _SCALARS]
    below = dict.fromkeys(candidates, 0)
    for index in reversed(candidates):
        outer = found[index].candidate
        if outer in below:
            below[outer] = max(below[outer], below[index], found[index].weight)
    chosen: list[int] = []
    covered: set[int] = set()
    for index in candidates:
        if found[index].candidate in covered:
            covered.add(index)
        elif below[index] <= found[index].weight:
            covered.add(index)
            chosen.append(index)
    return chosen


def _path(found: list[_Found], index: int, key: str) -> str:
    names: list[str] = []
    while index > 0:
        names.append(found[index].name)
        index = found[index].above
    return ".".join([*([key] if key else []), *reversed(names)])


def _refuse_little(document: Value, chosen: Value, path: str) -> None:
    """Raise ModelFileError where more elements are beside the state dict than in it: they may be the weights."""
    beside = [name for name, child in children(document) if tensor_in(child) is not None and _PARAMETER.search(name)]
    if beside:
        raise ModelFileError(
            f"parameters are beside the state dict at the key {shown(path)!r}, {some([*map(shown, beside)])}: give "
            f"--key {shown(path)} if it is all of the model, or save both as one state dict"
        )
    taken = elements(chosen, None, set())
    seen: set[int] = set()
    left = {name: elements(child, chosen, seen) for name, child in children(document) if not is_of_optimizer(name)}
    if sum(left.values()) > taken:
        names = some([repr(shown(name)) for name, elements in left.items() if elements])
        raise ModelFileError(
            f"the state dict at the key {shown(path)!r} has {taken} elements, and {sum(left.values())} more are beside "
            f"it in {names}: give --key {shown(path)} if it is all of the model"
        )


def _is_path(name: object) -> bool:
    return isinstance(name, str) and name.endswith(_CHECKPOINTS)


def _listed(value: Value) -> Keyed:
    """The tensors of a dict that has nothing else to offer, of a list by number, of pairs by name; else nothing."""
    if not is_dict(value) and not is_sequence(value):
        return {}
    named: Keyed = value if is_dict(value) else {str(number): child for number, child in enumerate(value)}
    pairs = {each[0]: each[1] for each in named.values() if is_sequence(each) and _is_pair(each)}
    if pairs and len(pairs) == len(named):
        named = pairs
    tensors = _tensors(named.values())
    if tensors and all(is_random_state(each) for each in tensors):
        raise ModelFileError("these are the states of random generators, and no model: give the model's checkpoint")
    return named if tensors else {}


def _tensors(values: Iterable[Value]) -> list[Tensor]:
    return [tensor for value in values if (tensor := tensor_in(value)) is not None]


def _is_list_of_weights(value: Value) -> bool:
    return is_sequence(value) and not all(is_random_state(each) for each in _tensors(value))


def _is_pair(value: Sequence[Value]) -> bool:
    return len(value) == 2 and isinstance(value[0], str)


def _is_paired(value: Keyed) -> bool:
    """Whether each value is a pair of a name of its own and a tensor, as paddle.save writes a dict of tensors."""
    return bool(value) and all(
        is_tuple(each) and _is_pair(each) and tensor_in(each[1]) is not None for each in value.values()
    )


def _there_is(document: Value, key: str, kind: Kind) -> str:
    found = _visit(document, kind) if is_container(document) else []
    kept = set(_chosen(found))
    chosen = [index for index, each in enumerate(found) if index and (index in kept or each.same in kept)]
    if chosen:
        offered = (
            f"--key {shown(_path(found, index, key), 200)} ({len(entries(found[index].value))})" for index in chosen
        )
        return f"choose one (entries in brackets): {some(offered, len(chosen))}"
    if kind is MODEL and (words := _known(document)):
        return f"this is {words}: give the model's checkpoint"
    lists = [index for index, each in enumerate(found) if index and _is_list_of_weights(each.value)]
    if kind is MODEL and lists:
        keys = (f"--key {shown(_path(found, index, key), 200)}" for index in lists)
        return f"there are lists of tensors, which are taken by number: {some(keys, len(lists))}"
    if objects := _nameless(document):
        return f"{objects}: in Python, where you trust the file, save its tensors by name, as state_dict() gives them"
    names = [*children(document)]
    keys = (f"{shown(name)!r} ({class_of(child, short=True)})" for name, child in names)
    return f"the keys are {some(keys, len(names)) or 'none'}"


def _nameless(document: Value) -> str:
    """The objects in a document that hold tensors, without names that are seen here; empty if there are none."""
    searched = Searched()
    beside = [(f"{shown(name)!r} is ", value) for name, value in children(document)]
    found = [
        f"{place}a {shown(value.name)}, whose tensors have no names here"
        for place, value in [("this is ", document), *beside]
        if isinstance(value, Record) and searched.holds_tensors(value)
    ]
    return some(found)


def _known(document: Value) -> str:
    """What a document without weights is, by its keys or its class; empty for one that is not known."""
    if isinstance(document, Record):
        return next((words for name, words in _CLASSES if name in document.name), "")
    keys = {name for name, _ in children(document)}
    return next((words for known, words in _KEYS if known <= keys), "")


_CLASSES = (
    ("TrainingArguments", "the arguments of a training"),
    ("Scheduler", "the state of a scheduler"),
    ("Tokenizer", "a tokenizer"),
)
_KEYS = (
    ({"last_epoch", "_step_count"}, "the state of a scheduler of learning rates"),
    ({"scale", "growth_factor"}, "the state of a gradient scaler"),
    ({"python", "numpy"}, "the states of random generators"),
    ({"module", "param_shapes"}, "one process's part of DeepSpeed's ZeRO (zero_to_fp32.py in its folder joins them)"),
)
"""What training saves beside a model."""
_LIGHTNING, _BESIDE = "pytorch-lightning_version", ("hyper_parameters", "loops", "lr_schedulers")
"""How a checkpoint of Lightning is known, and what in it is no model, though it may have tensors."""
_PARAMETER = re.compile(r"(?:^|\.)(?:weight|bias)$")
_SCALARS = 1
"""The weight of a dict whose tensors are all single numbers: scores, losses; or a very small model."""
_CHECKPOINTS = (".ckpt", ".pt", ".pth", ".bin", ".safetensors")


def _weight_of_model(value: Value, known: dict[int, int]) -> int:
    """The elements of the tensors that a value holds by name, and one more; 1 where all are single numbers."""
    if modules.is_module(value):
        try:
            # A loss or an activation is a module, too, without a single weight.
            return _SCALARS + modules.weight(value, numel, known)
        except modules.TooMuch as error:
            raise ModelFileError(str(error)) from error
    if is_dict(value):
        named = entries(value)
        tensors: Iterable[Tensor | None] = (tensor_in(child) for name, child in named.items() if isinstance(name, str))
    elif isinstance(value, Record):
        tensors = (tensor_in(child) for _, child in children(value))
    else:
        return 0
    weights = [each for each in tensors if each is not None and numel(each)]
    if not weights:
        return 0
    return 1 + sum(each.numel for each in weights) if any(each.shape for each in weights) else _SCALARS


def _weight_of_optimizer(value: Value, known: dict[int, int]) -> int:
    return int(is_optimizer(value))


MODEL = Kind(
    *("a state dict", "no state dict", "several state dicts", "model.state_dict()"),
    weight=_weight_of_model,
)
OPTIMIZER = Kind(
    *("an optimizer's state dict", "no optimizer's state dict", "several optimizers' state dicts"),
    save="optimizer.state_dict()",
    weight=_weight_of_optimizer,
)
