"""The published JSON Schema of ``verify --json``. May import resources.

``python -m tscompat.verbs.verify.schema`` writes it again.
"""

from __future__ import annotations

from tscompat.resources import schema

from . import document
from .document import SCHEMA, Verified


def schema_text() -> str:
    """The text of the schema's file."""
    return schema.schema_text(Verified, "verify", document)


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8", newline="\n")
