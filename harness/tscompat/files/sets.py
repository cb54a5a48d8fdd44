"""Finds the files of one model: the shards that an index names, or that belong together by their names.

A file that is only a part of a model is refused, because it would be read without an error and without the rest.
May import values.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tscompat.values.text import quoted, shown

from . import json_text, ranks, ties
from .item import Contents, Item, Model, ModelFileError, Tell, some
from .json_text import JsonError, decode
from .parts import PROCESS, SHARD, part_in, part_named
from .source import Source

INDEXES = ("*.safetensors.index*.json", "*.bin.index*.json")
"""All names of indexes: diffusers also writes ``model.safetensors.index.fp16.json``."""
WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".distcp")
"""The suffixes of shards."""
_COUNT = re.compile(r"(\d+)\D+(\d+)")
"""Matches the mark of a shard (``00001-of-00002``); the groups are its number and the number of all shards."""
_SHARD_NAME = re.compile(r"[^/\\\0]{1,230}\.(?:safetensors|bin|pth|pt|ckpt)")
_OF_A_RANK = re.compile(r"shard-\d+-model-\d+-of-\d+\.safetensors")
"""What torch.distributed.checkpoint names the safetensors of a rank (``_gen_file_name`` in its _hf_utils.py)."""
_MOST = 100_000
"""The largest number of shards of a set that is searched for."""

Part: TypeAlias = Callable[[Path], Model]
"""Reads a file of several as it is."""


class Index(NamedTuple):
    """An index of shards, as Hugging Face's libraries write it."""

    metadata: Mapping[str, Any]
    shards: Mapping[str, list[str]]
    """The names of the tensors in each file."""


class _Document(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: dict[str, Any] = {}


class _Mapped(msgspec.Struct):
    weight_map: msgspec.Raw


def is_index(source: Source) -> bool:
    """Whether the file is JSON with a ``weight_map``."""
    if not bytes(source.data[:64]).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    try:
        decode(source.data, _Mapped)
    except JsonError:
        return False
    return True


def read_index(path: Path) -> Index:
    """Read an index. Raises ModelFileError when the file is no index, and when it names only some shards of a set."""
    index = named_in(path)
    sets: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for shard in index.shards:
        part = part_named(path.with_name(shard))
        if part and (count := _COUNT.fullmatch(part.mark)):
            sets[part.rest, int(count[2])].add(shard)
    for (_, count), named in sets.items():
        if len(named) < count:
            names = some([shown(name) for name in sorted(named)])
            raise ModelFileError(
                f"{path}: the index names only {len(named)} of {count} shards ({names}): download it again"
            )
    return index


def named_in(path: Path) -> Index:
    """The index in a file, whose shards may be incomplete. Raises ModelFileError, and OSError."""
    document = json_text.read(path, _Document)
    shards: defaultdict[str, list[str]] = defaultdict(list)
    for name, shard in document.weight_map.items():
        if not _SHARD_NAME.fullmatch(shard):
            raise ModelFileError(
                f"{path}: the index names {quoted(shard)}, which is no name of a file of weights beside it"
            )
        shards[shard].append(name)
    if not shards:
        raise ModelFileError(f"{path}: the index names no tensor (its weight_map is empty): download it again")
    return Index(document.metadata, shards)


def indexed(path: Path, part: Part) -> Model:
    """The model whose shards the index names. Raises ModelFileError where they are not as the index states."""
    index = read_index(path)
    metadata = dict(index.metadata)
    contents: Contents = []
    ends: list[tuple[str, int]] = []
    for shard in sorted(index.shards):
        file = path.with_name(shard)
        if not file.exists():
            raise ModelFileError(
                f"{path}: the index names {shown(shard)}, which is not in the same folder: get that file too"
            )
        model = part(file)
        contents += without_places(model.contents)
        ends.append((shard, len(contents)))
        metadata |= model.about
    contents_and_aliases = ties.with_aliases(contents, metadata, path)
    _refuse_disagreement(path, index, contents_and_aliases, ends)
    return Model(path, f"{len(ends)} shards with an index", contents_and_aliases, _about(metadata))


def _refuse_disagreement(path: Path, index: Index, contents: Contents, ends: Sequence[tuple[str, int]]) -> None:
    """Raise ModelFileError where a shard has other tensors than the index states. Aliases are in no shard."""
    aliases = {each.name for each in contents[ends[-1][1] :]}
    start = 0
    for shard, end in ends:
        odd = sorted(({each.name for each in contents[start:end]} ^ set(index.shards[shard])) - aliases)
        if odd:
            count = f"{len(odd)} name{'s' if len(odd) > 1 else ''}"
            raise ModelFileError(
                f"{path}: {shown(shard)} and the index do not agree on {count} ({quoted(odd[0])}): download both "
                "again, or, where it is a tied name, load the model in Python and torch.save() its state_dict()"
            )
        start = end


def joined(files: Sequence[Path], part: Part) -> Model:
    """The model whose shards these files are: all of a set, or one of each rank."""
    models = [part(file) for file in files]
    folder = files[0].parent
    metadata = {name: value for model in models for name, value in model.about.items()}
    if any(map(ranks.is_part, models)):
        return Model(folder, f"the shards of {len(files)} ranks", ranks.joined(models), _about(metadata))
    contents = [each for model in models for each in without_places(model.contents)]
    return Model(folder, f"{len(files)} shards", ties.with_aliases(contents, metadata, folder), _about(metadata))


def without_places(contents: Contents) -> Contents:
    """The contents of one of several files: an offset alone would not show in which file a tensor lies."""
    return [each._replace(offset=None) if isinstance(each, Item) else each for each in contents]


def _about(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in metadata.items()}


def lone(model: Model, tell: Tell) -> Model:
    """The model of a file of safetensors that is no part of a set: with the names that its metadata records.

    Raises ModelFileError for one rank's part.
    """
    ranks.refuse_alone(model, tell)
    other = sorted(name for name in model.about if name != "format")
    contents = ties.with_aliases(model.contents, model.about, model.path)
    aliases = {each.name for each in contents[len(model.contents) :]}
    if aliases:
        recorded = (f"{shown(name)} = {shown(model.about[name])}" for name in sorted(aliases))
        tell(f"names that the metadata of {model.path.name} records for a tensor: {some(recorded)}")
    left = [shown(name) for name in other if name not in aliases]
    if left:
        tell(f"left: the metadata of {model.path.name} ({some(left)})")
    return model._replace(contents=contents)


def sets_in(files: Sequence[Path]) -> list[list[Path]]:
    """The shards among the files, by set, in order. Raises ModelFileError for a set of which one is missing."""
    sets: defaultdict[tuple[str, int], dict[int, Path]] = defaultdict(dict)
    marks: dict[tuple[str, int], tuple[str, str]] = {}
    for file in files:
        part = part_named(file)
        if part and part.kind == SHARD and (count := _COUNT.fullmatch(part.mark)):
            key = part.rest, int(count[2])
            sets[key][int(count[1])] = file
            marks[key] = part.mark, count[1]
    for key, found in sets.items():
        first = 0 if 0 in found else 1
        wanted = range(first, first + min(key[1], _MOST))
        missing = [number for number in wanted if number not in found]
        if missing:
            mark, number = marks[key]
            name = next(iter(found.values())).name
            names = [
                name.replace(_mark_of(name), mark.replace(number, str(each).zfill(len(number)), 1)) for each in missing
            ]
            folder = next(iter(found.values())).parent
            raise ModelFileError(
                f"{folder}: of a set of {key[1]} shards, {len(found)} are here, and {some(names)} "
                f"{'is' if len(names) == 1 else 'are'} missing: get all of the set"
            )
    return [[found[number] for number in sorted(found)] for found in sets.values()]


def _mark_of(name: str) -> str:
    part = part_named(Path(name))
    return part.mark if part else ""


def refuse_part(path: Path, tell: Tell) -> None:
    """Raise ModelFileError where an index beside the file, or its path, shows that it is only a part of a model.

    One shard of a set without an index is a part that may be wanted: ``tell`` gets a warning.
    """
    for index in indexes(path.parent) if path.suffix.lower() in WEIGHTS else ():
        shards = named_in(index).shards
        if path.name in shards and len(shards) > 1:
            raise ModelFileError(f"{path}: one of the {len(shards)} shards that {index.name} names: convert {index}")
    part = part_in(path.parent.resolve() / path.name) or part_in(path.resolve())
    if part and part.kind == SHARD:
        tell(
            f"{path.name}: one shard of a set, as {part.mark!r} shows, without the model's other tensors: give the "
            "folder or the index (*.index.json) for all of it"
        )
    elif part:
        advice = ranks.ADVICE if _OF_A_RANK.fullmatch(path.name) else part.kind.advice
        raise ModelFileError(
            f"{path}: {part.kind.what}, as {part.mark!r} shows: {advice}, or rename it if it holds the whole model"
        )


def indexes(folder: Path) -> list[Path]:
    """The files of the folder that are indexes by their names."""
    return [path for pattern in INDEXES for path in sorted(folder.glob(pattern))]


def is_of_a_process(path: Path) -> bool:
    """Whether the name of the file or folder shows what one of several processes saved."""
    part = part_named(path)
    return part is not None and part.kind == PROCESS


def is_of_a_rank(path: Path) -> bool:
    """Whether the file is named as the safetensors of a rank."""
    return _OF_A_RANK.fullmatch(path.name) is not None
