"""The published schemas are those of the classes."""

import pytest

from tscompat.resources.folders import data_folder
from tscompat.verdicts.schema import SCHEMAS, schema_text


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_derived(name: str) -> None:
    published = (data_folder("cases") / f"{name}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(name), "write it again: python -m tscompat.verdicts.schema"
