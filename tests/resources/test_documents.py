"""Files against their schema: every refusal names the file, the place, what was found and what was expected."""

import json
from pathlib import Path

import pytest

from tscompat.resources.documents import read_document

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "version": {"const": 1},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "pattern": {"type": "string", "format": "regex"},
        "any": {"anyOf": [{"required": ["low"]}, {"required": ["high"]}]},
        "one": {"oneOf": [{"required": ["low"]}, {"required": ["high"]}]},
        "input": {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"shape": {"type": "array", "items": {"minimum": 1}}},
                },
            ]
        },
    },
}


class Refused(ValueError):
    pass


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "some.schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    return path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("a.toml", "sizes = [2]"), ("a.json", '{"sizes": [2]}')])
def test_a_valid_file_is_read(schema: Path, name: str, text: str) -> None:
    assert read_document(write(schema.parent, name, text), Refused, schema) == {"sizes": [2]}


def test_without_a_schema_anything_goes(tmp_path: Path) -> None:
    assert read_document(write(tmp_path, "a.toml", "x = 1"), Refused) == {"x": 1}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "x = [", r"a\.toml is not valid TOML: "),
        ("a.json", "{", r"a\.json is not valid JSON: .*line 1"),
        ("a.toml", "version = 2", r"a\.toml: version: 1 was expected; found 2$"),
        ("a.toml", "sizes = [1, -1]", r"a\.toml: sizes / 1: -1 is less than the minimum of 0$"),
        ("a.toml", "pattern = '('", r"a\.toml: pattern: '\(' is not a 'regex'$"),
        (
            "a.toml",
            "size = 1",
            r"the file: .*\('size' was unexpected\); expected one of version, sizes, pattern, any, one, input$",
        ),
        ("a.toml", "any = {}", r"a\.toml: any: .*; 'low' is a required property; 'high' is a required property$"),
        ("a.toml", "one = {}", r"a\.toml: one: .*; 'low' is a required property; 'high' is a required property$"),
        ("a.toml", "input = { shape = [2, 0] }", r"a\.toml: input / shape / 1: 0 is less than the minimum of 1$"),
        ("a.toml", "input = { shap = [2] }", r"a\.toml: input: .*\('shap' was unexpected\); expected one of shape$"),
    ],
)
def test_a_fault(schema: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read_document(write(schema.parent, name, text), Refused, schema)


def test_ten_faults_are_named(schema: Path) -> None:
    text = f"sizes = {list(range(-20, 0))}"
    with pytest.raises(Refused) as refusal:
        read_document(write(schema.parent, "a.toml", text), Refused, schema)
    assert len(str(refusal.value).splitlines()) == 10


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        read_document(tmp_path / "none.toml", Refused)
