"""The error of the codec, which states which rule the bytes break, and the errors that a lenient reader meets.

Imports nothing of ours.
"""

from __future__ import annotations

from collections import Counter
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
"""The broken rule."""
LENIENT: frozenset[Clause] = frozenset(
    ("leb128.canonical", "name.utf8", "entry.duplicate", "optimizer.bool", "file.trailing")
)
"""The clauses after whose error a lenient reader goes on; after the others a reader cannot know where the next field
starts."""


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
        """The file; None for a buffer."""

    def __str__(self) -> str:
        message: str = self.args[0]
        return message if self.path is None else f"{self.path}: {message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is pickled as class(*args); args has only the message here, so loading it would fail.
        return FormatError, (self.offset, self.found, self.expected, self.clause), self.__dict__


Report: TypeAlias = Callable[[FormatError], None]
"""What a reader calls with an error after which it can go on: a report raises the error, or notes it and returns."""


def refuse(error: FormatError) -> None:
    """The strict report: raise."""
    raise error


class Problems:
    """The errors that a lenient reader meets: all are counted, and the first of each clause are kept.

    Two bytes are enough to break a rule. If all errors were kept, they would take 300 times the file's size in memory.
    """

    KEPT = 100
    """Errors that are kept of each clause."""

    def __init__(self) -> None:
        self.kept: list[FormatError] = []
        """In the order in which the reader met them. If it stopped at an error, that is the last; none has a path."""
        self.counts: Counter[Clause] = Counter()
        """How many errors there are of each clause, with those that are not kept."""

    def add(self, error: FormatError) -> None:
        """The lenient report: count the error, and keep it if it is one of the first of its clause."""
        self.counts[error.clause] += 1
        if self.counts[error.clause] <= self.KEPT:
            self.kept.append(error)
