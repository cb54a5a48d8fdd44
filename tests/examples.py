"""The examples of FORMAT.md, which states how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tscompat.catalogue.hostile import from_hex

TEXT = (Path(__file__).parents[1] / "FORMAT.md").read_text(encoding="utf-8")


class Example(NamedTuple):
    clause: str
    kind: str
    """state-dict, tensor or optimizer."""
    data: bytes
    results: list[str]
    """What a reader gets, after ``=`` or ``~``."""
    refused: str | None
    """The clause and offset, after ``!``."""
    lenient: bool
    """Whether the results are what a lenient reader gets."""


def examples() -> Iterator[Example]:
    clause = ""
    for heading, kind, body in re.findall(r"^### [\d.]+ `([a-z.0-9]+)`|^```([a-z-]+)\n(.*?)^```", TEXT, re.M | re.S):
        clause = heading or clause
        if not heading and kind in ("state-dict", "tensor", "optimizer"):
            lines = [line.partition("#")[0].strip() for line in body.splitlines()]
            data = from_hex("\n".join(line for line in lines if line[:1] not in ("=", "~", "!")))
            results = [line[2:] for line in lines if line[:1] in ("=", "~") and line[2:]]
            refused = next((line[2:] for line in lines if line.startswith("!")), None)
            yield Example(clause, kind, data, results, refused, any(line.startswith("~") for line in lines))


EXAMPLES = list(examples())
