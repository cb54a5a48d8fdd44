"""Names that metadata records come back; config.json's tie is stated where one of the names is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from samples import convert, save_safetensors
from tscompat.files.item import Contents, Item, Unfit
from tscompat.files.kinds import read
from tscompat.files.ties import with_aliases
from tscompat.values.dtypes import BY_NAME


def item(name: str) -> Item:
    return Item(name, BY_NAME["f32"], (), lambda: bytes(4), copies=False)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"b": "a"}, ["a", "odd", "b"]),
        ({"b": "a", "c": "a"}, ["a", "odd", "b", "c"]),
        ({"format": "a"}, ["a", "odd"]),
        ({"b": "gone"}, ["a", "odd"]),
        ({"a": "a"}, ["a", "odd"]),
        ({"odd": "a"}, ["a", "odd"]),
        ({"b": "odd"}, ["a", "odd"]),
    ],
)
def test_a_recorded_name_comes_back(metadata: dict[str, str], expected: list[str]) -> None:
    contents: Contents = [item("a"), Unfit("odd", "because")]
    assert [each.name for each in with_aliases(contents, metadata, "x")] == expected


def test_all_names_of_a_tensor_have_one_tie() -> None:
    ties = [each.tie for each in with_aliases([item("a"), item("z")], {"b": "a"}, "x") if isinstance(each, Item)]
    assert (ties[0] == ties[2], ties[0] is None, ties[1]) == (True, False, None)


def test_the_tie_reaches_a_pth(tmp_path: Path) -> None:
    save_safetensors({"a": torch.ones(3)}, tmp_path / "a.safetensors", {"b": "a", "format": "pt"})
    convert(tmp_path / "a.safetensors", tmp_path / "b.pth")
    found = torch.load(tmp_path / "b.pth", weights_only=True)
    assert found["a"].data_ptr() == found["b"].data_ptr()


TIED = "config.json ties the output layer to the embeddings (tie_word_embeddings), and only 'model.embed_tokens.weight'"


@pytest.mark.parametrize("given", ["", "model.safetensors"])
@pytest.mark.parametrize(
    ("config", "names", "expected"),
    [
        ({"tie_word_embeddings": True}, ["model.embed_tokens.weight"], True),
        ({"text_config": {"tie_word_embeddings": True}}, ["model.embed_tokens.weight"], True),
        ({"tie_word_embeddings": False}, ["model.embed_tokens.weight"], False),
        ({}, ["model.embed_tokens.weight"], False),
        ({"tie_word_embeddings": True}, ["model.embed_tokens.weight", "lm_head.weight"], False),
        ({"tie_word_embeddings": True}, ["fc.weight"], False),
        ([], ["model.embed_tokens.weight"], False),
        ({"tie_word_embeddings": True, "text_config": None}, ["model.embed_tokens.weight"], True),
    ],
)
def test_a_tie_of_the_configuration_is_stated(
    config: Any, names: list[str], expected: bool, given: str, tmp_path: Path
) -> None:
    save_safetensors({name: torch.ones(1) for name in names}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    said: list[str] = []
    read(tmp_path / given, "", said.append)
    assert any(each.startswith(TIED) for each in said) is expected
