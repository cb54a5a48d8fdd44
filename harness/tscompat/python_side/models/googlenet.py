"""GoogLeNet with its two auxiliary classifiers, as in torchvision/models/googlenet.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from .units import named_unit

INCEPTIONS = {
    # channels of branch1, of both convolutions of branch2 and of branch3, of branch4
    "inception3a": (64, (96, 128), (16, 32), 32),
    "inception3b": (128, (128, 192), (32, 96), 64),
    "inception4a": (192, (96, 208), (16, 48), 64),
    "inception4b": (160, (112, 224), (24, 64), 64),
    "inception4c": (128, (128, 256), (24, 64), 64),
    "inception4d": (112, (144, 288), (32, 64), 64),
    "inception4e": (256, (160, 320), (32, 128), 128),
    "inception5a": (256, (160, 320), (32, 128), 128),
    "inception5b": (384, (192, 384), (48, 128), 128),
}
POOLED = {"inception3b": ("maxpool3", 3), "inception4e": ("maxpool4", 2)}
"""The poolings that follow, and their kernels."""
AUXILIARY = {"inception4a": "aux1", "inception4d": "aux2"}
"""Who listens to whom."""

unit1x1 = partial(named_unit, kernel=(1, 1))
unit3x3 = partial(named_unit, kernel=(3, 3), padding=(1, 1))


class Inception(nn.Module):
    """Four branches on the same input, their channels side by side."""

    def __init__(self, channels: int, one: int, two: tuple[int, int], three: tuple[int, int], four: int) -> None:
        super().__init__()
        self.branch1 = unit1x1(channels, one)
        self.branch2 = nn.Sequential(unit1x1(channels, two[0]), unit3x3(*two))
        self.branch3 = nn.Sequential(unit1x1(channels, three[0]), unit3x3(*three))  # the paper has 5x5 here
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1, ceil_mode=True), unit1x1(channels, four))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.children()], 1)


class GoogLeNet(nn.Sequential):
    """An image (N, 3, height, width), 15 or more a side, to logits (N, classes).

    In train mode the auxiliary classifiers run, so that their statistics move as torchvision's do; what they say,
    which torchvision returns beside the logits, is dropped.
    """

    def __init__(self, classes: int = 1000) -> None:
        parts = OrderedDict[str, nn.Module](
            conv1=named_unit(3, 64, (7, 7), 2, (3, 3)),
            maxpool1=nn.MaxPool2d(3, 2, ceil_mode=True),
            conv2=unit1x1(64, 64),
            conv3=unit3x3(64, 192),
            maxpool2=nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        auxiliary: dict[str, nn.Module] = {}
        channels = 192
        for name, (one, two, three, four) in INCEPTIONS.items():
            parts[name] = Inception(channels, one, two, three, four)
            channels = one + two[1] + three[1] + four
            if name in POOLED:
                pooling, kernel = POOLED[name]
                parts[pooling] = nn.MaxPool2d(kernel, 2, ceil_mode=True)
            if name in AUXILIARY:
                auxiliary[AUXILIARY[name]] = auxiliary_classifier(channels, classes)
        parts |= auxiliary
        parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "dropout": nn.Dropout(0.2)}
        parts["fc"] = nn.Linear(channels, classes)
        super().__init__(parts)

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for name, part in self.named_children():
            if name in AUXILIARY.values():
                continue
            x = part(x)
            if self.training and name in AUXILIARY:
                self.get_submodule(AUXILIARY[name])(x)
        return x


def auxiliary_classifier(channels: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            avgpool=nn.AdaptiveAvgPool2d(4),
            conv=unit1x1(channels, 128),
            flatten=nn.Flatten(),
            fc1=nn.Linear(128 * 4 * 4, 1024),
            relu=nn.ReLU(inplace=True),
            dropout=nn.Dropout(0.7),
            fc2=nn.Linear(1024, classes),
        )
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"googlenet": GoogLeNet}
