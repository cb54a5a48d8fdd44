"""The published JSON Schema of ``diff --json``. May import resources.

``python -m tscompat.verbs.diff.schema`` writes it again.
"""

from __future__ import annotations

from tscompat.resources import schema

from . import document
from .document import SCHEMA, Comparison


def schema_text() -> str:
    """The text of the schema's file."""
    return schema.schema_text(Comparison, "diff", document)


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8", newline="\n")
