"""Refuses models whose weights only their own package puts together, by the names of what it keeps beside them.

May import values. Of files it imports item.
"""

from __future__ import annotations

import re

from tscompat.values.text import quoted

from .item import Model, ModelFileError

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


def refuse(model: Model) -> None:
    """Raise ModelFileError where a name shows that the weights are packed."""
    for each in model.contents:
        for pattern, words in _PACKED:
            if pattern.search(each.name):
                raise ModelFileError(f"{model.path}: {quoted(each.name)} shows {words}")
