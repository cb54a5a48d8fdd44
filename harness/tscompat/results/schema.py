"""The published JSON Schema of results.json, derived from the classes that read and write it. May import resources.

``python -m tscompat.results.schema`` writes it again.
"""

from __future__ import annotations

from tscompat.resources import schema

from . import environment, file, record
from .file import SCHEMA, Results


def schema_text() -> str:
    """The text of the schema's file: what msgspec derives, with the docstrings as descriptions."""
    return schema.schema_text(Results, "results", environment, file, record)


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8", newline="\n")
