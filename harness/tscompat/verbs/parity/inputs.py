"""The inputs of a model: random ones of given sizes, or the arrays of a file.

May import values, python_side, dotnet_side, files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tscompat.dotnet_side.messages import PartRun
from tscompat.files.item import Item, ModelFileError, Unfit, some
from tscompat.files.kinds import read
from tscompat.python_side.arguments import Argument, Arguments
from tscompat.python_side.passes import Pass
from tscompat.values.dtypes import BY_NAME, BY_TORCH
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of
from tscompat.values.text import shown

_SIZES = re.compile(r"(\d+(?:x\d+)*)?:(\w+)(?::(\d+))?")
_KEYWORD = re.compile(r"([^\W\d]\w*)=(.+)", re.DOTALL)
_BELOW = 10
"""Random integers are below this, if nothing else is wanted."""
_MOST = 1 << 31
"""Elements of an input at most."""


class Inputs(NamedTuple):
    """What a model gets."""

    tensors: StateDict
    """Named by number, in the order of forward's parameters."""
    arguments: Arguments
    """Which arguments they are."""


class _Given(NamedTuple):
    keyword: str
    tensors: list[Tensor]
    in_tuple: bool


def inputs(given: Sequence[str], parameters: Sequence[str] = (), seed: int = 0) -> Inputs:
    """The inputs of all options ``--input``; with another ``seed`` other random ones.

    ``1x3x224x224:f32`` is random (normal; integers below 10, or below N of ``1x16:i64:N``) and the same each time;
    several of them with commas between are one argument, a tuple. ``mask=4x4:f32`` is given by that name. Any other
    text is the path of a file of arrays (.npz, .npy): an argument each, by their names where all of them are among the
    ``parameters`` of forward. Raises ModelFileError, and OSError.
    """
    made: list[_Given] = []
    for text in given:
        named = _KEYWORD.fullmatch(text)
        keyword, words = (named[1], named[2]) if named else ("", text.strip())
        if keyword and keyword not in parameters:
            raise ModelFileError(f"--input {shown(text)}: forward has no {shown(keyword)}: it has {some(parameters)}")
        if not words or (keyword and any(each.keyword == keyword for each in made)):
            raise ModelFileError(
                f"--input {shown(text)!r}: {'is there twice' if words else 'expected sizes or a file'}"
            )
        made += [_drawn(words, keyword, seed, made)] if _are_sizes(words) else _read(Path(words), keyword, parameters)
    if not made:
        raise ModelFileError("expected an input: --input 1x3x224x224:f32, or --input FILE.npz")
    made.sort(key=lambda each: parameters.index(each.keyword) if each.keyword else -1)
    tensors = [tensor for each in made for tensor in each.tensors]
    arguments = tuple(Argument(each.keyword, len(each.tensors) if each.in_tuple else 0) for each in made)
    return Inputs([Entry(str(number), tensor) for number, tensor in enumerate(tensors)], arguments)


def _are_sizes(words: str) -> bool:
    """Raises ModelFileError for sizes without a dtype."""
    for part in words.split(","):
        if re.fullmatch(r"\d+(x\d+)+", part):
            raise ModelFileError(f"--input {shown(words)}: expected a dtype behind the sizes: {shown(part)}:f32")
    return all(map(_SIZES.fullmatch, words.split(",")))


def _drawn(words: str, keyword: str, seed: int, before: Sequence[_Given]) -> _Given:
    place = sum(len(each.tensors) for each in before)
    parts = words.split(",")
    tensors = [_random(part, (seed, place + number)) for number, part in enumerate(parts)]
    return _Given(keyword, tensors, in_tuple=len(parts) > 1)


def _random(text: str, seed: tuple[int, int]) -> Tensor:
    sizes = _SIZES.fullmatch(text)
    assert sizes
    dtype = BY_NAME.get(sizes[2]) or BY_TORCH.get(sizes[2])
    if dtype is None or dtype.kind not in ("float", "integer", "bool"):
        raise ModelFileError(f"--input {shown(text)}: expected a dtype such as f32, f64, bf16, i64 or bool")
    shape = tuple(map(int, sizes[1].split("x"))) if sizes[1] else ()
    if int(np.prod(shape, dtype=object)) > _MOST:
        raise ModelFileError(f"--input {shown(text)}: more than {_MOST:,} elements")
    random = np.random.default_rng(seed)
    if dtype.kind == "float" and sizes[3]:
        raise ModelFileError(f"--input {shown(text)}: a number behind the dtype is for integers, which are below it")
    if dtype.kind == "float":
        values = random.standard_normal(shape).astype(np.float32).astype(dtype.scalar)
    else:
        below = 2 if dtype.kind == "bool" else int(sizes[3] or _BELOW)
        values = random.integers(0, max(below, 1), shape).astype(dtype.scalar)
    return tensor_of(dtype, shape, values.tobytes())


def _read(path: Path, keyword: str, parameters: Sequence[str]) -> list[_Given]:
    model = read(path, "", lambda sentence: None)
    items = [each for each in model.contents if isinstance(each, Item)]
    odd = [each.name for each in model.contents if isinstance(each, Unfit)] + [*model.passed]
    if odd:
        raise ModelFileError(f"{path}: {some([*map(shown, odd)])}: no array of numbers, and no input then")
    tensors = [Tensor(item.dtype, item.shape, item.read()) for item in items]
    if keyword:
        return [_Given(keyword, tensors, in_tuple=len(tensors) > 1)]
    named = all(item.name in parameters for item in items)
    return [
        _Given(item.name if named else "", [tensor], in_tuple=False)
        for item, tensor in zip(items, tensors, strict=True)
    ]


def run_of(one: Pass, name: str) -> PartRun:
    """How the part of this name in .NET gets the inputs of a pass."""
    return PartRun(name, one.sizes, one.parameters, dict(one.named), dict(one.defaults))
