"""Gives names back to tensors of which a file records that they have several. May import values.

``safetensors.torch.save_model`` and huggingface_hub write a tensor once, and its other names into the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tscompat.values.text import quoted

from .item import Contents, Item, ModelFileError, Tell
from .json_text import read

_OUTPUT = ("lm_head.weight", "embed_out.weight", "output_layer.weight", "decoder.weight", "output.weight")
"""How the names of output layers end, which share their weight with the embeddings."""
_INPUT = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight", "shared.weight")


class _TextConfig(msgspec.Struct, frozen=True):
    """The part of a config.json that is about text."""

    tie_word_embeddings: Any = None


class _Config(msgspec.Struct):
    """What is read of a config.json of transformers."""

    tie_word_embeddings: Any = None
    text_config: _TextConfig | None = None


def with_aliases(contents: Contents, metadata: Mapping[str, Any], place: object) -> Contents:
    """The contents with an item for each further name that ``metadata`` records, after the others.

    ``place`` names the file or set in the ties. The metadata of another tool may look the same by chance: a name counts
    if it is not there, and is recorded for one that is.
    """
    items = {each.name: each for each in contents if isinstance(each, Item)}
    names = {each.name for each in contents}
    kept = {
        name: other
        for name, other in metadata.items()
        if isinstance(other, str) and other in items and name not in names and name != "format"
    }
    ties = {other: ("alias", place, other) for other in kept.values()}
    tied = [
        each._replace(tie=ties[each.name]) if isinstance(each, Item) and each.name in ties else each
        for each in contents
    ]
    return [*tied, *(items[other]._replace(name=name, tie=ties[other]) for name, other in kept.items())]


def note(folder: Path, contents: Contents, tell: Tell) -> None:
    """Tell where the folder's config.json ties the output layer to the embeddings, and only one of both is there; and
    where the model is an adapter of peft.
    """
    if any(".lora_A." in each.name for each in contents):
        tell(
            "this is an adapter of peft, without its base model: in Python, merge_and_unload() makes one model of both"
        )
    try:
        config = read(folder / "config.json", _Config)
        is_tied = (
            config.tie_word_embeddings is True or (config.text_config or _TextConfig()).tie_word_embeddings is True
        )
    except (OSError, ModelFileError):
        return  # it is not there, or none of transformers
    names = [each.name for each in contents]
    inputs = [name for name in names if name.endswith(_INPUT)]
    if is_tied and inputs and not any(name.endswith(_OUTPUT) for name in names):
        tell(
            f"config.json ties the output layer to the embeddings (tie_word_embeddings), and only {quoted(inputs[0])} "
            "is here: in .NET, give the output layer (lm_head.weight) the same weight"
        )
