"""Knows models whose weights only their own package puts together, by the names of what it keeps beside them, or by
empty tensors in their place: some are refused, of the others a note is made.

May import values. Of files it imports item.
"""

from __future__ import annotations

import re

from tscompat.values.text import quoted, shown

from .item import Contents, Item, Model, ModelFileError, Tell, some

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


_NUMBERS = (
    ("GPTQ or AWQ", re.compile(r"(.*)\.qweight"), ("{}.scales", "{}.qzeros"), None),
    ("compressed-tensors", re.compile(r"(.*)\.weight_packed"), ("{}.weight_scale",), None),
    ("MXFP4", re.compile(r"(.*)_blocks"), ("{}_scales",), "uint8"),
    ("MLX", re.compile(r"(.*)\.weight"), ("{}.scales",), "uint32"),
    ("HQQ", re.compile(r"(.*)\.W_q"), ("{}.scale",), None),
)
"""The packages that keep packed integers: the tensor's name, those beside it, and its dtype if that tells it apart."""
_SCALES = ("{}_scale_inv", "{}_scale", "{}.scale_weight")
"""What stands beside a float8 tensor that has to be multiplied by it; ``.weight`` may be left out of the last."""


def note(model: Model, tell: Tell) -> None:
    """Tell where tensors hold numbers that are no weights yet: their bits are taken as they are."""
    names = {each.name for each in model.contents}
    items = [each for each in model.contents if isinstance(each, Item)]
    for package, pattern, beside, dtype in _NUMBERS:
        found = [
            item.name
            for item in items
            if (match := pattern.fullmatch(item.name))
            and (dtype is None or item.dtype.torch == dtype)
            and all(each.format(match[1]) in names for each in beside)
        ]
        if found:
            tell(
                f"packed: {some([*map(shown, found)])} hold numbers of {package}, which are no weights yet; their bits "
                "are taken as they are: for the weights, dequantize the model in Python and save that"
            )
    if scales := scaled(model.contents):
        tell(
            f"scaled: {some([*map(shown, scales)])} are float8 and to be multiplied by the scales beside them; their "
            "bits are taken as they are"
        )


def scaled(contents: Contents) -> list[str]:
    """The names of the float8 tensors with scales beside them."""
    names = {each.name for each in contents}
    items = (each for each in contents if isinstance(each, Item) and each.dtype.torch.startswith("float8"))
    return [each.name for each in items if any(name in names for name in _scales_of(each.name))]


def _scales_of(name: str) -> list[str]:
    layer = name.removesuffix(".weight")
    return [form.format(each) for form in _SCALES for each in (name, layer)]
