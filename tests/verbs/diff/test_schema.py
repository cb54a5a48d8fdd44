"""The published JSON Schema of ``diff --json``."""

from tscompat.verbs.diff.document import SCHEMA
from tscompat.verbs.diff.schema import schema_text


def test_the_published_schema_is_the_one_that_the_classes_give() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "write it again: python -m tscompat.verbs.diff.schema"
