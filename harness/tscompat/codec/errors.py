"""The error of the codec: which rule of the format the bytes break, and where. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

Clause: TypeAlias = Literal[
    "leb128.canonical",
    "leb128.range",
    "name.utf8",
    "entry.duplicate",
    "dtype.code",
    "shape.rank",
    "shape.bytes",
    "optimizer.name",
    "optimizer.bool",
    "file.truncated",
    "file.trailing",
]
"""The broken rule. A lenient reader goes on after ``leb128.canonical``, ``name.utf8``, ``entry.duplicate`` and
``file.trailing``; after the others it cannot know where the next field starts."""


class FormatError(ValueError):
    """The bytes break a rule of the format. ``args[0]`` is the message without the path, ``str()`` the one with it."""

    def __init__(self, offset: int, found: str, expected: str, clause: Clause) -> None:
        super().__init__(f"byte {offset}: expected {expected}, found {found} ({clause})")
        self.offset = offset
        """The place of the fault, in bytes from the start of the file or buffer."""
        self.found = found
        self.expected = expected
        self.clause: Clause = clause
        self.path: str | None = None
        """The file, where there is one."""

    def __str__(self) -> str:
        message: str = self.args[0]
        return message if self.path is None else f"{self.path}: {message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is pickled as class(*args), which loses the fields between xdist's processes.
        return FormatError, (self.offset, self.found, self.expected, self.clause), self.__dict__


Report: TypeAlias = Callable[[FormatError], None]
"""What a reader does with an error that it can read past: raise it, or keep it and go on."""


def refuse(error: FormatError) -> None:
    """The strict report: raise."""
    raise error
