"""The published JSON Schema of results.json, derived from the classes that read and write it.

Imports nothing of ours but this room. ``python -m tscompat.results.schema`` writes it again.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import get_args, get_type_hints

import msgspec

from . import environment, file, record
from .file import SCHEMA, Results

CLASSES = {
    name: each
    for module in (environment, file, record)
    for name, each in vars(module).items()
    if isinstance(each, type) and issubclass(each, msgspec.Struct)
}

(VERSION,) = get_args(get_type_hints(Results)["schema"])
"""The version of the schema."""


def schema_text() -> str:
    """The text of the schema's file: what msgspec derives, with the docstrings as descriptions."""
    schema = msgspec.json.schema(Results)
    for each in schema["$defs"].keys() & CLASSES.keys():
        definition = schema["$defs"][each]
        definition["description"] = inspect.getdoc(CLASSES[each])
        for name, words in _fields(CLASSES[each]).items():
            definition["properties"][name]["description"] = words
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:torchsharp-compat:results:{VERSION}",
    }
    return json.dumps(head | schema, indent=2) + "\n"


def _fields(described: type) -> dict[str, str]:
    """The docstrings that stand under the fields of a class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(described))).body
    assert isinstance(definition, ast.ClassDef)
    words: dict[str, str] = {}
    for field, below in pairwise(definition.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                words[name] = inspect.cleandoc(text)
            case _:
                pass
    return words


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8", newline="\n")
