"""Text that is a template: ``#`` in it stands for the number of a repetition."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast


def numbered(value: Any, number: int) -> Any:
    """The value with ``#*5`` replaced by five times the number, ``#`` by the number, in all strings."""
    return in_strings(value, lambda text: re.sub(r"#(?:\*(\d+))?", lambda at: str(number * int(at[1] or 1)), text))


def in_strings(value: Any, change: Callable[[str], Any]) -> Any:
    """The value with what ``change`` makes of each string, also in lists and tables and of their keys."""
    match value:
        case str():
            return change(value)
        case list():
            return [in_strings(each, change) for each in cast("list[Any]", value)]
        case dict():
            return {change(key): in_strings(each, change) for key, each in cast("dict[str, Any]", value).items()}
        case _:
            return value
