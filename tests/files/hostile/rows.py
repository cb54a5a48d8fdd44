"""The rows of the TOML files beside this module: each is a hostile model file, or several.

``each = { n = [1, 2] }`` makes a row for each value, with ``{n}`` replaced by it.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from files.by_hand.pickles import OPCODES
from files.by_hand.templates import in_strings
from tscompat.files.pickled.calls import CALLS

Row: TypeAlias = Mapping[str, Any]

_LISTS: Mapping[str, Sequence[Any]] = {
    "opcodes": [name for name in OPCODES if name != "STOP"],
    "functions": [" ".join(name.rsplit(".", 1)) for name in CALLS],
    "long names": ["x" * 200, r"\u0007" * 200, "漢" * 200, "😀" * 200],
}
"""What a row may repeat itself for, by name."""


def rows() -> dict[str, Row]:
    """All rows by their ids: the name of the file, the name of the row, and the values that it is repeated for."""
    found: dict[str, Row] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        common = {**document.get("defaults", {}), "hashes": document.get("hashes", {})}
        for name, row in document["case"].items():
            for words, made in _repeated(row):
                found["/".join([path.stem, name, *words])] = {**common, **made}
    return found


def _repeated(row: Row) -> list[tuple[list[str], Row]]:
    """The row for each of its values, with the words that tell it from the others."""
    each = {key: _LISTS[values] if isinstance(values, str) else values for key, values in row.get("each", {}).items()}
    rest = {key: value for key, value in row.items() if key != "each"}
    found: list[tuple[list[str], Row]] = []
    for values in itertools.product(*each.values()):
        given = dict(zip(each, values, strict=True))
        words = [_word(value, each[key]) for key, value in given.items()]
        found.append((words, in_strings(rest, lambda text, given=given: _filled(text, given))))
    return found


def _word(value: Any, among: Sequence[Any]) -> str:
    """The value as a part of an id: itself, or its number among all where it is no word."""
    return str(value) if re.fullmatch(r"[\w.:+ -]{1,60}", str(value), re.ASCII) else str(list(among).index(value))


def _filled(text: str, given: Mapping[str, Any]) -> Any:
    """The text with ``{name}`` replaced; a text that is only that becomes the given value itself."""
    for name, value in given.items():
        if text == f"{{{name}}}":
            return value
        text = text.replace(f"{{{name}}}", str(value))
    return text
