"""Refuses models whose weights only their own package puts together, by the names of what it keeps beside them, or by
empty tensors in their place.

May import values. Of files it imports item.
"""

from __future__ import annotations

import re

from tscompat.values.text import quoted

from .item import Item, Model, ModelFileError

_ADVICE = (
    "in Python, with transformers and bitsandbytes installed, load the model, replace it by its dequantize(), and "
    "save_pretrained() it"
)
_PACKED = (
    (re.compile(r"\.quant_state\.bitsandbytes__\w+$"), f"4-bit weights of bitsandbytes: {_ADVICE}"),
    (
        re.compile(r"(?:^|\.)_flat_param(?:_\d+)?$"),
        "a flat parameter of FSDP, in which many are one: in the program that saved it, take the state dict as "
        "StateDictType.FULL_STATE_DICT",
    ),
    (re.compile(r"(?:^|\.)SCB$"), f"8-bit weights of bitsandbytes: {_ADVICE}"),
)


_EMPTY = (0,)


def refuse(model: Model) -> None:
    """Raise ModelFileError where a name shows that the weights are packed, or all sizes that they are elsewhere."""
    shapes = [each.shape for each in model.contents if isinstance(each, Item)]
    if len(shapes) > 1 and all(shape == _EMPTY for shape in shapes):
        raise ModelFileError(
            f"{model.path}: all {len(shapes)} tensors have the shape [0], as ZeRO-3 of DeepSpeed leaves them where the "
            "weights were not gathered: in the checkpoint's folder, python zero_to_fp32.py . OUT, and give its result"
        )
    for each in model.contents:
        for pattern, words in _PACKED:
            if pattern.search(each.name):
                raise ModelFileError(f"{model.path}: {quoted(each.name)} shows {words}")
