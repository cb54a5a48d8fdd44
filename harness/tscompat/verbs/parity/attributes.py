"""Which scalar attributes of two modules differ. Imports its neighbours.

Names are compared without case and underscores, so that Python's ``batch_first`` is .NET's ``batchFirst`` or
``_batch_first``. What one side does not keep, or keeps as something that cannot be compared, is no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .document import Attribute

_INDIFFERENT = {
    *("training", "inplace", "name", "numbatchestracked", "callsuperinit", "dumppatches"),
    *("inputchannels", "transposed", "reversedpaddingrepeatedtwice"),
}
"""What changes no output, and what TorchSharp's classes keep for themselves."""


_AXES = {"dim", "axis", "startdim", "enddim"}
"""Numbers of dims, which may be counted from the end."""


def unlike(python: Mapping[str, object], dotnet: Mapping[str, str]) -> list[Attribute]:
    """The attributes that both have and that differ."""
    theirs = {_plain(name): text for name, text in dotnet.items()}
    found: list[Attribute] = []
    for name, value in python.items():
        text = theirs.get(_plain(name))
        if text is None or _plain(name) in _INDIFFERENT or name.startswith("_"):
            continue
        if _plain(name) in _AXES and text.startswith("-") is not str(value).startswith("-"):
            continue  # -1 may be the same axis as 1: it depends on the input
        if _differ(value, _parsed(text)):
            found.append(Attribute(name=name, python=_words(value), dotnet=text))
    return found


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _parsed(text: str) -> Any:
    """A number, truth value or list as such; any other text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _differ(ours: object, theirs: Any) -> bool:
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return isinstance(ours, bool) and isinstance(theirs, bool) and ours is not theirs
    if isinstance(ours, str) and isinstance(theirs, str):
        return _plain(ours) != _plain(theirs)
    left, right = _numbers(ours), _numbers(theirs)
    if left is None or right is None:
        return False
    if len(left) != len(right):  # 3 stands for [3, 3]
        longer, shorter = (left, right) if len(left) > len(right) else (right, left)
        return len(shorter) == 1 and any(not _same(each, shorter[0]) for each in longer)
    return any(not _same(one, other) for one, other in zip(left, right, strict=True))


def _numbers(value: Any) -> list[float] | None:
    """A number, or several, as a list; None for anything else."""
    items: list[Any] = [*value] if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownVariableType]
    if not items or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in items):
        return None
    return [float(each) for each in items]


def _same(a: float, b: float) -> bool:
    """Whether they are equal, but for the rounding of a number that one side keeps as a float32."""
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def _words(value: object) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
