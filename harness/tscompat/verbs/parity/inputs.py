"""The inputs of a model: random ones of given sizes, or the arrays of a file. May import values, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import read
from tscompat.values.dtypes import BY_NAME, BY_TORCH
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of
from tscompat.values.text import shown

_SIZES = re.compile(r"(\d+(?:x\d+)*)?:(\w+)(?::(\d+))?")
_BELOW = 10
"""Random integers are below this, if nothing else is wanted."""
_MOST = 1 << 31
"""Elements of an input at most."""


def inputs(given: Sequence[str], seed: int = 0) -> StateDict:
    """The inputs of all options ``--input``, in their order, named by number; with another ``seed`` other random ones.

    ``1x3x224x224:f32`` is random (normal; integers below 10, or below N of ``1x16:i64:N``) and the same each time. Any
    other text is the path of a file of arrays (.npz, .npy). Raises ModelFileError, and OSError.
    """
    made: list[Tensor] = []
    for text in given:
        sizes = _SIZES.fullmatch(text)
        if re.fullmatch(r"\d+(x\d+)+", text):
            raise ModelFileError(f"--input {shown(text)}: expected a dtype behind the sizes: {shown(text)}:f32")
        made += [_random(text, sizes, (seed, len(made)))] if sizes else _read(Path(text))
    if not made:
        raise ModelFileError("expected an input: --input 1x3x224x224:f32, or --input FILE.npz")
    return [Entry(str(number), tensor) for number, tensor in enumerate(made)]


def _random(text: str, sizes: re.Match[str], seed: tuple[int, int]) -> Tensor:
    dtype = BY_NAME.get(sizes[2]) or BY_TORCH.get(sizes[2])
    if dtype is None or dtype.kind not in ("float", "integer", "bool"):
        raise ModelFileError(f"--input {shown(text)}: expected a dtype such as f32, f64, bf16, i64 or bool")
    shape = tuple(map(int, sizes[1].split("x"))) if sizes[1] else ()
    if int(np.prod(shape, dtype=object)) > _MOST:
        raise ModelFileError(f"--input {shown(text)}: more than {_MOST:,} elements")
    random = np.random.default_rng(seed)
    if dtype.kind == "float":
        values = random.standard_normal(shape).astype(np.float32).astype(dtype.scalar)
    else:
        below = 2 if dtype.kind == "bool" else int(sizes[3] or _BELOW)
        values = random.integers(0, max(below, 1), shape).astype(dtype.scalar)
    return tensor_of(dtype, shape, values.tobytes())


def _read(path: Path) -> list[Tensor]:
    items = [each for each in read(path, "", lambda sentence: None).contents if isinstance(each, Item)]
    return [Tensor(item.dtype, item.shape, item.read()) for item in items]
