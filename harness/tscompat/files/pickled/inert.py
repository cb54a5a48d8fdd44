"""What stands for a Python object that is not built: which class, with which arguments and state. Imports nothing of
ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, TypeGuard


class Global(NamedTuple):
    """A class or function that a pickle names. It is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether the value is a tuple."""
    return isinstance(value, tuple)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether the value is a list."""
    return isinstance(value, list)


def is_sequence(value: object) -> TypeGuard[tuple[Any, ...] | list[Any]]:
    """Whether the value is a tuple or a list."""
    return isinstance(value, tuple | list)


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether the value is a dict."""
    return isinstance(value, dict)


def is_bytes(value: object) -> TypeGuard[bytes]:
    """Whether the value is bytes, or a view of the file in their place."""
    return isinstance(value, bytes | memoryview)


class Record:
    """An object of a class that is not known here: what its pickle would build it from."""

    __slots__ = ("args", "cls", "elements", "pairs", "state")

    def __init__(self, cls: object, args: object) -> None:
        self.cls = cls
        """A ``Global``, or another record if what is called is itself the result of a call."""
        self.args = args
        self.state: Any = None
        """What ``__setstate__`` would get: most often a dict of attributes, or a pair of dicts."""
        self.elements: list[Any] = []
        """What would be appended to it."""
        self.pairs: dict[Any, Any] = {}
        """What would be set in it by key."""

    @property
    def name(self) -> str:
        """The name of its class. What is called may itself be anything that a pickle builds."""
        return str(self.cls) if isinstance(self.cls, Global) else "object without the name of a class"

    @property
    def attributes(self) -> dict[Any, Any]:
        """Its attributes by name: of the state, and of its second half where slots make one."""
        if is_dict(self.state):
            return self.state
        if not is_tuple(self.state) or len(self.state) != 2:
            return {}
        halves = self.state
        return {name: value for half in halves if is_dict(half) for name, value in half.items()}


class OddKey:
    """A key of a dict that is no name and no small number. Two of them are never equal.

    Python's hash of a nested tuple recurses, and numbers and tuples can be made whose hashes are all the same, so that
    a dict of them takes quadratic time.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


_SMALL = 1 << 59
"""From here on, Python's hash of integers repeats."""


def key_of(key: Any) -> Any:
    """The key itself if it is a text, None, a bool or a small integer, else an ``OddKey``."""
    if key is None or isinstance(key, bool | str):
        return key
    return key if type(key) is int and -_SMALL < key < _SMALL else OddKey(key)


class OldText(str):
    """A ``str`` of Python 2, which is text or bytes: read as UTF-8, else as Latin-1."""

    __slots__ = ("raw",)
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> OldText:
        """The text of these bytes."""
        try:
            made = cls(raw, "utf-8")
        except UnicodeDecodeError:
            made = cls(raw, "latin-1")
        made.raw = raw
        return made


Value: TypeAlias = Any
"""What a pickle describes: None, bool, int, float, str, bytes (a memoryview of the file), list, tuple, dict, Global,
Record, or what ``calls`` makes."""
