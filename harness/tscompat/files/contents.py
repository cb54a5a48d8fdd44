"""What a state dict holds, as items: tensors, and what stands beside them. May import values.

Of files it imports item, checkpoint and pickled.
"""

from __future__ import annotations

from collections.abc import Iterable

from tscompat.values.text import shown

from .checkpoint import Keyed, described, holds_tensors, tensor_in
from .item import Contents, Item, Tell, Unfit, some
from .pickled import described as tensors
from .pickled.calls import advice, is_quiet
from .pickled.inert import Global, Record, Value

_NAMED = 6


def contents(state: Keyed, tell: Tell) -> Contents:
    """An item for each tensor; an ``Unfit`` for what holds tensors in another form. What has none is passed over.

    ``tell`` gets its names.
    """
    found: Contents = []
    passed: list[str] = []
    for name, value in state.items():
        each = _entry(name, value)
        if each is None:
            passed.append(
                f"{shown(str(name)) if isinstance(name, str | int) else 'a key'} ({described(value, short=True)})"
            )
        else:
            found.append(each)
    if passed:
        tell(f"passed over, because no tensor is in them: {some(passed)}")
    return found


def _entry(name: object, value: Value) -> Item | Unfit | None:
    tensor = tensor_in(value)
    if tensor is None and not holds_tensors(value):
        return None
    if not isinstance(name, str):
        words = repr(name) if isinstance(name, int) else f"a key of type {type(getattr(name, 'value', name)).__name__}"
        return Unfit(words, "a tensor whose key is not a name", weights=True)
    if tensor is not None:
        return tensors.item(str(name), tensor)
    return Unfit(str(name), _why(name, value), weights=True)


def _why(name: str, value: Value) -> str:
    if isinstance(value, Record) and isinstance(value.cls, Global):
        return advice(str(value.cls))
    if name.endswith("_packed_params"):
        return advice("torch.ao.nn.quantized layer's packed parameters")
    return f"a {type(value).__name__} with tensors in it: --key takes what is in it alone"


def foreign(named: Iterable[Global]) -> str:
    """The classes and functions that a pickle names and that mean nothing here, in one phrase; empty for none."""
    names = [shown(str(each)) for each in named if not is_quiet(each)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
