"""Inception V3 with its auxiliary classifier, as in torchvision/models/inception.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from .units import named_unit

Units = Mapping[str, tuple[str, int, tuple[int, int]]]
"""A block's units by name: source, channels that come out (0: a pooling, as many as come in), kernel."""


def block_a(pooled: int) -> Units:
    return {
        "branch1x1": ("input", 64, (1, 1)),
        "branch5x5_1": ("input", 48, (1, 1)),
        "branch5x5_2": ("branch5x5_1", 64, (5, 5)),
        "branch3x3dbl_1": ("input", 64, (1, 1)),
        "branch3x3dbl_2": ("branch3x3dbl_1", 96, (3, 3)),
        "branch3x3dbl_3": ("branch3x3dbl_2", 96, (3, 3)),
        "pool": ("input", 0, (3, 3)),
        "branch_pool": ("pool", pooled, (1, 1)),
    }


BLOCK_B: Units = {
    "branch3x3": ("input", 384, (3, 3)),
    "branch3x3dbl_1": ("input", 64, (1, 1)),
    "branch3x3dbl_2": ("branch3x3dbl_1", 96, (3, 3)),
    "branch3x3dbl_3": ("branch3x3dbl_2", 96, (3, 3)),
    "pool": ("input", 0, (3, 3)),
}


def block_c(width: int) -> Units:
    return {
        "branch1x1": ("input", 192, (1, 1)),
        "branch7x7_1": ("input", width, (1, 1)),
        "branch7x7_2": ("branch7x7_1", width, (1, 7)),
        "branch7x7_3": ("branch7x7_2", 192, (7, 1)),
        "branch7x7dbl_1": ("input", width, (1, 1)),
        "branch7x7dbl_2": ("branch7x7dbl_1", width, (7, 1)),
        "branch7x7dbl_3": ("branch7x7dbl_2", width, (1, 7)),
        "branch7x7dbl_4": ("branch7x7dbl_3", width, (7, 1)),
        "branch7x7dbl_5": ("branch7x7dbl_4", 192, (1, 7)),
        "pool": ("input", 0, (3, 3)),
        "branch_pool": ("pool", 192, (1, 1)),
    }


BLOCK_D: Units = {
    "branch3x3_1": ("input", 192, (1, 1)),
    "branch3x3_2": ("branch3x3_1", 320, (3, 3)),
    "branch7x7x3_1": ("input", 192, (1, 1)),
    "branch7x7x3_2": ("branch7x7x3_1", 192, (1, 7)),
    "branch7x7x3_3": ("branch7x7x3_2", 192, (7, 1)),
    "branch7x7x3_4": ("branch7x7x3_3", 192, (3, 3)),
    "pool": ("input", 0, (3, 3)),
}
BLOCK_E: Units = {
    "branch1x1": ("input", 320, (1, 1)),
    "branch3x3_1": ("input", 384, (1, 1)),
    "branch3x3_2a": ("branch3x3_1", 384, (1, 3)),
    "branch3x3_2b": ("branch3x3_1", 384, (3, 1)),
    "branch3x3dbl_1": ("input", 448, (1, 1)),
    "branch3x3dbl_2": ("branch3x3dbl_1", 384, (3, 3)),
    "branch3x3dbl_3a": ("branch3x3dbl_2", 384, (1, 3)),
    "branch3x3dbl_3b": ("branch3x3dbl_2", 384, (3, 1)),
    "pool": ("input", 0, (3, 3)),
    "branch_pool": ("pool", 192, (1, 1)),
}
EARLY = {
    "Mixed_5b": block_a(32),
    "Mixed_5c": block_a(64),
    "Mixed_5d": block_a(64),
    "Mixed_6a": BLOCK_B,
    "Mixed_6b": block_c(128),
    "Mixed_6c": block_c(160),
    "Mixed_6d": block_c(160),
    "Mixed_6e": block_c(192),
}
LATE = {"Mixed_7a": BLOCK_D, "Mixed_7b": BLOCK_E, "Mixed_7c": BLOCK_E}


class Mixed(nn.Module):
    """What no other unit takes up comes out, channels side by side.

    A block from which the pooling itself comes out halves the image: all that comes out has stride 2 and no padding.
    """

    def __init__(self, channels: int, units: Units) -> None:
        super().__init__()
        self.sources = {name: source for name, (source, _, _) in units.items()}
        self.leaves = [name for name in units if name not in self.sources.values()]
        halves = "pool" in self.leaves
        widths = {"input": channels}
        for name, (source, width, kernel) in units.items():
            stride, padding = (2, (0, 0)) if halves and name in self.leaves else (1, (kernel[0] // 2, kernel[1] // 2))
            if width:
                self.add_module(name, named_unit(widths[source], width, kernel, stride, padding))
            else:
                self.add_module(name, (nn.MaxPool2d if halves else nn.AvgPool2d)(kernel, stride, padding))
            widths[name] = width or widths[source]
        self.outgoing = sum(widths[name] for name in self.leaves)

    def forward(self, x: Tensor) -> Tensor:
        values = {"input": x}
        for name, unit in self.named_children():
            values[name] = unit(values[self.sources[name]])
        return torch.cat([values[name] for name in self.leaves], 1)


class Auxiliary(nn.Sequential):
    """Listens in train mode, so that its statistics move as torchvision's do, and always passes its input on.

    What it says, which torchvision returns beside the logits, is dropped. It needs N above 1 and 299 a side then.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(
            OrderedDict[str, nn.Module](
                pool=nn.AvgPool2d(5, stride=3),
                conv0=named_unit(channels, 128, (1, 1)),
                conv1=named_unit(128, 768, (5, 5)),
                avgpool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                fc=nn.Linear(768, classes),
            )
        )

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            heard = input
            for part in self:
                heard = part(heard)
        return input


def inception_v3(classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width), 75 or more a side, to logits (N, classes)."""
    parts = OrderedDict[str, nn.Module](
        Conv2d_1a_3x3=named_unit(3, 32, (3, 3), stride=2),
        Conv2d_2a_3x3=named_unit(32, 32, (3, 3)),
        Conv2d_2b_3x3=named_unit(32, 64, (3, 3), padding=(1, 1)),
        maxpool1=nn.MaxPool2d(3, stride=2),
        Conv2d_3b_1x1=named_unit(64, 80, (1, 1)),
        Conv2d_4a_3x3=named_unit(80, 192, (3, 3)),
        maxpool2=nn.MaxPool2d(3, stride=2),
    )
    channels = 192
    for name, units in EARLY.items():
        parts[name] = block = Mixed(channels, units)
        channels = block.outgoing
    parts["AuxLogits"] = Auxiliary(channels, classes)
    for name, units in LATE.items():
        parts[name] = block = Mixed(channels, units)
        channels = block.outgoing
    parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "dropout": nn.Dropout(), "flatten": nn.Flatten()}
    parts["fc"] = nn.Linear(channels, classes)
    return nn.Sequential(parts)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"inception_v3": inception_v3}
