"""Puts the shards of several ranks together, of which each has a part of each tensor. May import values.

``torch.distributed.checkpoint`` writes them as safetensors (``HuggingFaceStorageWriter``), and where in the whole
tensor a part begins into the metadata (torch/distributed/checkpoint/_hf_utils.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from typing_extensions import Buffer

from tscompat.values.text import quoted

from .item import Contents, Item, Model, ModelFileError, Tell, Unfit
from .json_text import JsonError, decode

_KEY = "DCP_SHARDING_INFO"
_MOST_RANK = 63
"""numpy has one more, which the bytes of an element take."""
ADVICE = "give the folder that has the shards of all ranks"


class _Offsets(msgspec.Struct):
    saved_offsets: list[Annotated[int, msgspec.Meta(ge=0, le=2**62)]]


class _Part(NamedTuple):
    item: Item
    begin: tuple[int, ...]
    """Where in the whole tensor the part begins."""
    of: Model

    @property
    def end(self) -> tuple[int, ...]:
        return tuple(begin + dim for begin, dim in zip(self.begin, self.item.shape, strict=True))


def is_part(model: Model) -> bool:
    """Whether the metadata records where its tensors belong in whole ones."""
    return _KEY in model.about


def refuse_alone(model: Model, tell: Tell) -> None:
    """Raise ModelFileError where the file alone shows that it has only parts of tensors."""
    if not is_part(model):
        return
    if any(any(offsets) for offsets in _offsets(model).values()):
        raise ModelFileError(f"{model.path}: its metadata ({_KEY}) records parts of tensors, one rank's: {ADVICE}")
    tell(
        f"{model.path.name}: its metadata ({_KEY}) is of a distributed checkpoint: if several ranks wrote it, this is "
        f"one rank's part, and you need to {ADVICE}"
    )


def joined(models: Sequence[Model]) -> Contents:
    """The whole tensors, by the offsets of their parts. Raises ModelFileError where parts do not make up the whole."""
    parts: defaultdict[str, list[_Part]] = defaultdict(list)
    unfit: list[Unfit] = []
    for model in models:
        offsets = _offsets(model)
        for each in model.contents:
            if isinstance(each, Unfit):
                unfit.append(each)
                continue
            begin = tuple(offsets.get(each.name, [0] * len(each.shape)))
            if len(begin) != len(each.shape):
                raise ModelFileError(
                    f"{model.path}: {_KEY} has {len(begin)} offsets for {quoted(each.name)}, of {len(each.shape)} dims"
                )
            parts[each.name].append(_Part(each, begin, model))
    return [*(_joined(name, found) for name, found in parts.items()), *unfit]


def _joined(name: str, parts: Sequence[_Part]) -> Item:
    first = parts[0]
    if len({(part.item.dtype.name, len(part.item.shape)) for part in parts}) > 1:
        raise ModelFileError(f"{first.of.path.parent}: the parts of {quoted(name)} differ in dtype or rank")
    if len(first.item.shape) > _MOST_RANK:
        raise ModelFileError(f"{first.of.path}: {quoted(name)} has more than {_MOST_RANK} dims, and is in parts")
    shape = tuple(max(ends) for ends in zip(*(part.end for part in parts), strict=True))
    if len(parts) == 1 and not any(first.begin):
        return first.item._replace(offset=None)  # it would not show in which file the tensor lies
    _refuse_gaps(name, parts, shape)

    def read() -> Buffer:
        size = first.item.dtype.itemsize
        whole = np.empty((*shape, size), np.uint8)
        for part in parts:
            raw = np.frombuffer(part.item.read(), np.uint8).reshape((*part.item.shape, size))
            whole[tuple(map(slice, part.begin, part.end))] = raw
        return whole.reshape(-1)

    return Item(name, first.item.dtype, shape, read, copies=True)


def _refuse_gaps(name: str, parts: Sequence[_Part], shape: tuple[int, ...]) -> None:
    """Raise ModelFileError unless the parts cover the whole tensor, each element once."""
    folder = parts[0].of.path.parent
    there, whole = sum(prod(part.item.shape) for part in parts), prod(shape)
    if there < whole:
        raise ModelFileError(
            f"{folder}: {whole - there:,} of {whole:,} elements of {quoted(name)} are in no shard of the folder: get "
            "the shards of all ranks"
        )
    # So many elements as the whole has, and no two parts that overlap: then each element is there once.
    before: list[_Part] = []
    for part in sorted(parts, key=lambda each: each.begin):
        before = [each for each in before if not part.begin or each.end[0] > part.begin[0]]
        for each in before:
            if all(
                max(a, b) < min(c, d) for a, b, c, d in zip(each.begin, part.begin, each.end, part.end, strict=True)
            ):
                raise ModelFileError(
                    f"{folder}: {each.of.path.name} and {part.of.path.name} both have the same elements of "
                    f"{quoted(name)}: keep the shards of one checkpoint alone in the folder"
                )
        before.append(part)


def _offsets(model: Model) -> dict[str, list[int]]:
    if not is_part(model):
        return {}
    try:
        found = decode(model.about[_KEY].encode(), dict[str, _Offsets])
    except JsonError as error:
        raise ModelFileError(f"{model.path}: the metadata {_KEY} cannot be read: {error}") from None
    return {name: offsets.saved_offsets for name, offsets in found.items()}
