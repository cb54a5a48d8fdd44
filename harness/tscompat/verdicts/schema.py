"""The published JSON Schemas of ``cases/divergences/``, derived from the classes that read the folder.

May import resources. ``python -m tscompat.verdicts.schema`` writes the schemas again.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tscompat.resources.folders import data_folder

from .coverage import Covered
from .entries import Entries

SCHEMAS: dict[str, tuple[Any, str]] = {
    "divergences": (Entries, "A file of divergences/: one table for each entry, under its name."),
    "covered": (Covered, "divergences/covered.json: how many ids each table expect covers, by route. Generated."),
}
"""The schemas by name (cases/NAME.schema.json): the type that each is derived from, and its description."""


def schema_text(name: str) -> str:
    """The text of the schema's file."""
    described, description = SCHEMAS[name]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:torchsharp-compat:{name}",
        "description": description,
    }
    return json.dumps(head | msgspec.json.schema(described), indent=2) + "\n"


if __name__ == "__main__":
    for each in SCHEMAS:
        file = data_folder("cases") / f"{each}.schema.json"
        file.write_text(schema_text(each), encoding="utf-8", newline="\n")
