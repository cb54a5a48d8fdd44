"""Derives a JSON Schema from msgspec's structs, with their docstrings as descriptions. Imports nothing of ours."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any, get_args, get_type_hints

import msgspec


def version_of(document: type[msgspec.Struct]) -> int:
    """The version of a document's schema, which is the literal type of its field ``schema``."""
    (version,) = get_args(get_type_hints(document)["schema"])
    return version


def schema_text(document: type[msgspec.Struct], name: str, *modules: ModuleType) -> str:
    """The text of the schema of ``document``, whose structs are in these modules; ``name`` is the word in its id."""
    classes = {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, msgspec.Struct)
    }
    schema = msgspec.json.schema(document)
    for each in schema["$defs"].keys() & classes.keys():
        _describe(schema["$defs"][each], classes[each])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:torchsharp-compat:{name}:{version_of(document)}",
    }
    return json.dumps(head | schema, indent=2) + "\n"


def _describe(definition: dict[str, Any], described: type) -> None:
    definition["description"] = inspect.getdoc(described)
    for name, words in _fields(described).items():
        definition["properties"][name]["description"] = words


def _fields(described: type) -> Mapping[str, str]:
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
