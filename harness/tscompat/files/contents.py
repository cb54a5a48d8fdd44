"""The model of a state dict: its entries as items: tensors, and what stands beside them. May import values.

Of files it imports item, checkpoint and pickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tscompat.values.dtypes import BY_TORCH
from tscompat.values.text import shown

from .checkpoint import Keyed
from .item import Contents, Item, Model, ModelFileError, Tell, Unfit, some
from .nested import Searched, class_of, tensor_in
from .pickled import described as tensors
from .pickled.calls import advice, is_quiet
from .pickled.described import Storage
from .pickled.inert import Global, Record, Value

_NAMED = 6
_LARGE, _MOST_TIMES = 1 << 30, 16
"""Bytes of all tensors together that any file may have, and how many times the file's size larger ones may."""
_PADDLE = "StructuredToParameterName@@"
"""What paddle.save adds to a state dict. numpy has no bfloat16, so Paddle keeps it as uint16, a type that it lacks."""


def model(path: Path, kind: str, state: Keyed, tell: Tell) -> Model:
    """The model of a state dict: an item for each tensor, an ``Unfit`` for what holds tensors in another form.

    What holds none is passed over, and ``tell`` gets its names.
    """
    found: Contents = []
    passed: dict[str, Value] = {}
    searched = Searched()
    paddle = _PADDLE in state
    for name, value in state.items():
        each = _entry(name, value, searched)
        if paddle and isinstance(each, Item) and each.dtype.torch == "uint16":
            each = each._replace(dtype=BY_TORCH["bfloat16"])
        if each is None:
            passed[str(name) if isinstance(name, str | int) else "?"] = value
        else:
            found.append(each)
    size = sum(each.nbytes for each in found if isinstance(each, Item))
    if size > max(_LARGE, _MOST_TIMES * path.stat().st_size):
        raise ModelFileError(
            f"{path}: its tensors would take {size:,} bytes, and the file has {path.stat().st_size:,}: they are views "
            "of the same few elements; clone() those that are meant, and save them"
        )
    if passed:
        names = (f"{shown(name)} ({class_of(value, short=True)})" for name, value in passed.items())
        tell(f"passed over, because no tensor is in them: {some(names, len(passed))}")
    return Model(path, kind, found, passed=tuple(passed))


def _entry(name: object, value: Value, searched: Searched) -> Item | Unfit | None:
    tensor = tensor_in(value)
    if tensor is None and not searched.holds_tensors(value):
        return None
    if not isinstance(name, str):
        words = repr(name) if isinstance(name, int) else f"a key of type {type(getattr(name, 'value', name)).__name__}"
        return Unfit(words, "a tensor whose key is not a name")
    if tensor is not None:
        return tensors.item(str(name), tensor)
    return Unfit(str(name), _why(name, value))


def _why(name: str, value: Value) -> str:
    if isinstance(value, Record):
        return advice(value.name)
    if isinstance(value, Storage):
        return "a storage, which has no sizes: torch.save() its tensor"
    if name.endswith("_packed_params"):
        return advice("torch.ao.nn.quantized layer's packed parameters")
    return f"a {type(value).__name__} with tensors in it: --key takes what is in it alone"


def foreign(named: Iterable[Global]) -> str:
    """The classes and functions that a pickle names and that mean nothing here, in one phrase; empty for none."""
    names = [shown(str(each)) for each in named if not is_quiet(each)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
