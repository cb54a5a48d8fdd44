"""Reads a TOML or JSON file and checks it against a JSON Schema. Imports nothing of ours."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match  # pyright: ignore[reportUnknownVariableType]

SHOWN_FAULTS = 10

_PARSERS: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}

# What the messages of jsonschema leave out, by the keyword of the schema that the document violates.
_ALSO: dict[str, Callable[[Any], str]] = {
    "additionalProperties": lambda fault: f"; expected one of {', '.join(fault.schema['properties'])}",
    **dict.fromkeys(["anyOf", "oneOf"], lambda fault: "".join(f"; {each.message}" for each in fault.context)),
    "const": lambda fault: f"; found {fault.instance!r}",
}


def read_document(path: Path, refusal: type[ValueError], schema: Path | None = None) -> Any:
    """The contents of a TOML or JSON file, as dicts and lists.

    Raises ``refusal`` if the file does not parse or violates ``schema``, with a line for each of the first ten faults:
    the file, the place in it, what was found and what was expected. Raises OSError if a file cannot be read.
    """
    try:
        document = _PARSERS.get(path.suffix, json.loads)(path.read_text(encoding="utf-8"))
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise refusal(f"{path} is not valid {kind}: {error}") from error
    if schema is not None:
        held_to = json.loads(schema.read_text(encoding="utf-8"))
        validator: Any = Draft202012Validator(held_to, format_checker=FormatChecker())
        faults: Iterator[Any] = validator.iter_errors(document)
        # If no alternative of an anyOf or oneOf fits, best_match picks the fault of the one that fits best.
        lines = [f"{path}: {_words(best_match([fault]))}" for fault in islice(faults, SHOWN_FAULTS)]
        if lines:
            raise refusal("\n".join(lines))
    return document


def _words(fault: Any) -> str:
    place = " / ".join(map(str, fault.absolute_path)) or "the file"
    also = _ALSO.get(fault.validator, lambda _: "")
    return f"{place}: {fault.message}{also(fault)}"
