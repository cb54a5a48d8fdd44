"""The published JSON Schema of ``inspect --json``."""

from tscompat.verbs.inspect.document import SCHEMA
from tscompat.verbs.inspect.schema import schema_text


def test_the_published_schema_is_the_one_that_the_classes_give() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "write it: python -m tscompat.verbs.inspect.schema"
