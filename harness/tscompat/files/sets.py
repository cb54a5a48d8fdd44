"""Finds the files of one model: the one to read for a folder, the shards of an index. May import resources.

A file that is only a part of a model is refused, because it would be converted without an error and without the rest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tscompat.resources.documents import read_document

from .item import ModelFileError, Tell, some
from .parts import PROCESS, part_in, part_named

_SCHEMA = Path(__file__).with_name("index.schema.json")
_IN_A_FOLDER = ("*.safetensors.index.json", "*.bin.index.json", "*.safetensors", "*.bin")
"""The file to read for a folder: the first of these that exists, in the order of Hugging Face's libraries."""
_INDEXES = ("*.safetensors.index*.json", "*.bin.index*.json")
"""All names of indexes: diffusers also writes ``model.safetensors.index.fp16.json``."""
_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".distcp")
_BESIDE_WEIGHTS = re.compile("optim|rng|random_state|sched|scaler", re.IGNORECASE)
"""Names of files that each process of a training saves beside a whole model: they are no parts of the model."""
_COUNT = re.compile(r"\d+\D+(\d+)")
"""Matches the mark of a shard (``00001-of-00002``); the group is the number of all shards."""
_ELSEWHERE = re.compile(r'"saved_offsets":\s*\[[^]]*[1-9]')
"""Matches metadata of a part that begins after 0 in the whole tensor (torch/distributed/checkpoint/_hf_utils.py)."""


class Index(NamedTuple):
    """An index of shards, as Hugging Face's libraries write it."""

    metadata: Mapping[str, Any]
    shards: Mapping[str, list[str]]
    """The names of the tensors in each file."""


def read_index(path: Path) -> Index:
    """Read an index. Raises ModelFileError when the file is no index, and when it names only some shards of a set."""
    index = _read(path)
    sets: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for shard in index.shards:
        part = part_named(path.with_name(shard))
        if part and (count := _COUNT.fullmatch(part.mark)):
            sets[part.rest, int(count[1])].add(shard)
    for (_, count), named in sets.items():
        if len(named) < count:
            names = some(sorted(named))
            raise ModelFileError(
                f"{path}: the index names only {len(named)} of {count} shards ({names}): download it again"
            )
    return index


def _read(path: Path) -> Index:
    document = read_document(path, ModelFileError, _SCHEMA)
    shards: defaultdict[str, list[str]] = defaultdict(list)
    for name, shard in document["weight_map"].items():
        shards[shard].append(name)
    return Index(document.get("metadata", {}), shards)


def chosen(folder: Path, tell: Tell) -> Path:
    """The file to read for the folder: the index of its shards, or the only file with weights. ``tell`` gets its name.

    Raises ModelFileError when there is none or several, and when the folder holds more of the model than that file has.
    """
    groups = (sorted(folder.glob(pattern)) for pattern in _IN_A_FOLDER)
    found = next((files for files in groups if files), list[Path]())
    _refuse_more(folder, [file.name for file in found if file.suffix == ".json"])
    if len(found) > 1:
        names = some([file.name for file in found])
        raise ModelFileError(f"{folder}: the folder has {len(found)} files to convert: give one of {names}")
    if not found:
        raise ModelFileError(f"{folder}: nothing to convert in this folder, looked for {', '.join(_IN_A_FOLDER)}")
    tell(f"converting {found[0].name}")
    return found[0]


def _refuse_more(folder: Path, indexes: Collection[str]) -> None:
    """Raise ModelFileError for parts that no index names, and for a whole file beside an index of the same model.

    Beside an index, only parts with the name of its model count: the others belong to another model.
    """
    named = {shard for index in _indexes(folder) for shard in _read(index).shards}
    weights = [path for path in sorted(folder.iterdir()) if path.is_dir() or path.suffix.lower() in _WEIGHTS]
    others = [path for path in weights if path.name not in named and not _BESIDE_WEIGHTS.search(path.name)]
    marked = {path.name: part for path in others if (part := part_named(path))}
    models = {_model(index.removesuffix(".index.json")) for index in indexes}
    parts = [name for name, part in marked.items() if not models or _model(part.rest) in models]
    if parts:
        advice = marked[parts[0]].kind.advice
        raise ModelFileError(
            f"{folder}: holds parts of a model that no index names, {some(parts)}: {advice}, or give the file that has "
            "the whole model"
        )
    whole = [path.name for path in others if path.is_file() and _model(path.name) in models]
    if whole:
        raise ModelFileError(
            f"{folder}: {some([*indexes, *whole])} each stand for the whole model, and nothing shows which one is the "
            "newer: give the one that you mean"
        )


def _indexes(folder: Path) -> list[Path]:
    return [path for pattern in _INDEXES for path in sorted(folder.glob(pattern))]


def _model(name: str) -> str:
    """The name that a model's shards and its single file share: ``model`` of ``pytorch_model.bin``."""
    return Path(name).stem.strip("-_. ").removeprefix("pytorch_")


def refuse_part(path: Path) -> None:
    """Raise ModelFileError where an index beside the file, or its path, shows that it is only a part of a model."""
    for index in _indexes(path.parent) if path.suffix.lower() in _WEIGHTS else ():
        shards = _read(index).shards
        if path.name in shards and len(shards) > 1:
            raise ModelFileError(f"{path}: one of the {len(shards)} shards that {index.name} names: convert {index}")
    part = part_in(path.parent.resolve() / path.name) or part_in(path.resolve())
    if part:
        raise ModelFileError(
            f"{path}: {part.kind.what}, as {part.mark!r} shows: {part.kind.advice}, or rename it if it holds the whole "
            "model"
        )


def refuse_recorded(path: Path, metadata: Mapping[str, Any], names: set[str]) -> None:
    """Raise ModelFileError where ``metadata`` shows that the model has more than the tensors of these ``names``.

    ``safetensors.torch.save_model`` records the other names of a tensor, as huggingface_hub does in an index.
    ``torch.distributed.checkpoint`` records where in the whole tensor a part begins.
    """
    recorded = {name: kept for name, kept in metadata.items() if isinstance(kept, str) and name != "format"}
    tied = [f"{name} = {kept}" for name, kept in recorded.items() if name not in names and kept in names]
    if tied:
        raise ModelFileError(
            f"{path}: its metadata records tied names, of which only the second is there ({some(tied)}): load it into "
            "the model in Python (safetensors.torch.load_model) and torch.save() the model's state_dict()"
        )
    if _ELSEWHERE.search(str(metadata.get("DCP_SHARDING_INFO"))):
        raise ModelFileError(f"{path}: its metadata (DCP_SHARDING_INFO) records parts of tensors: {PROCESS.advice}")
