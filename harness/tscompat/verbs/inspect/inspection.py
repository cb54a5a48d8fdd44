"""Looks into a model file. May import values, resources, files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

from tscompat.files.item import Item, Tell, Unfit
from tscompat.files.kinds import read
from tscompat.resources.memory import without_collection
from tscompat.values.tensors import PLAIN, count_elements
from tscompat.values.text import escaped

from .document import Inspection, OtherFound, Quantizer, TensorFound, Total
from .statistics import statistics


def inspect(
    path: str | os.PathLike[str], *, key: str = "", form: str = "", stats: bool = False, tell: Tell | None = None
) -> Inspection:
    """What a model file holds. No element is read, but with ``stats`` each of them once.

    ``key`` is where in a nested checkpoint the state dict is; ``form`` names the format of a file that may be of
    several (``files.kinds.FORMS``). ``tell`` gets the notes as they come. Sizes and offsets are in bytes.
    Raises ModelFileError for what cannot be read as a model, and OSError.
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(escaped(sentence))
        if tell is not None:
            tell(sentence)

    first: dict[Hashable, str] = {}
    with without_collection():
        model = read(Path(path), key, note, form)
        items = [each for each in model.contents if isinstance(each, Item)]
        tensors = tuple(_tensor(item, first, stats) for item in items)
    sums: defaultdict[str, list[TensorFound]] = defaultdict(list)
    for tensor in tensors:
        sums[tensor.dtype].append(tensor)
    return Inspection(
        schema=1,
        path=escaped(str(model.path)),
        kind=model.kind,
        size=model.path.stat().st_size if model.path.is_file() else None,
        about={escaped(name): escaped(words) for name, words in model.about.items()},
        single=model.single,
        total=_total(tensors),
        by_dtype={dtype: _total(each) for dtype, each in sums.items()},
        tensors=tensors,
        others=tuple(
            OtherFound(name=escaped(each.name), why=escaped(each.why))
            for each in model.contents
            if isinstance(each, Unfit)
        ),
        passed=tuple(map(escaped, model.passed)),
        notes=tuple(notes),
    )


def _tensor(item: Item, first: dict[Hashable, str], stats: bool) -> TensorFound:
    name = escaped(item.name)
    tied = None
    if item.tie is not None:
        tied = first.get(item.tie)
        first.setdefault(item.tie, name)
    plain = item.quantizer == PLAIN and item.dtype.kind != "quantized"
    return TensorFound(
        name=name,
        dtype=item.dtype.torch,
        shape=item.shape,
        bytes=item.nbytes,
        offset=item.offset,
        tied_to=tied,
        quantizer=None if plain else Quantizer(scale=item.quantizer.scale, zero_point=item.quantizer.zero_point),
        statistics=statistics(item) if stats else None,
    )


def _total(tensors: Sequence[TensorFound]) -> Total:
    return Total(
        tensors=len(tensors),
        elements=sum(count_elements(tensor.shape) for tensor in tensors),
        bytes=sum(tensor.bytes for tensor in tensors),
    )
