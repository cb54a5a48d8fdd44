"""ResNet, ResNeXt and Wide ResNet, as in torchvision/models/resnet.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn


@dataclass(frozen=True)
class Plan:
    """What tells one member of the family from another."""

    blocks: tuple[int, int, int, int]
    """Residual blocks in each layer."""
    expansion: int
    """1: two 3x3 convolutions a block. 4: a bottleneck of three, the last with four times the channels."""
    groups: int = 1
    width: int = 64
    """Channels of a group of the bottleneck's 3x3 convolution in the first layer."""


PLANS = {
    "resnet18": Plan((2, 2, 2, 2), 1),
    "resnet34": Plan((3, 4, 6, 3), 1),
    "resnet50": Plan((3, 4, 6, 3), 4),
    "resnet101": Plan((3, 4, 23, 3), 4),
    "resnet152": Plan((3, 8, 36, 3), 4),
    "resnext50_32x4d": Plan((3, 4, 6, 3), 4, groups=32, width=4),
    "resnext101_32x8d": Plan((3, 4, 23, 3), 4, groups=32, width=8),
    "resnext101_64x4d": Plan((3, 4, 23, 3), 4, groups=64, width=4),
    "wide_resnet50_2": Plan((3, 4, 6, 3), 4, width=128),
    "wide_resnet101_2": Plan((3, 4, 23, 3), 4, width=128),
}


class Residual(nn.Module):
    """``conv1``, ``bn1``, ReLU, ``conv2``, ``bn2`` and so on; before the last ReLU the input is added."""

    def __init__(self, channels: int, planes: int, stride: int, plan: Plan) -> None:
        super().__init__()
        outgoing = planes * plan.expansion
        inner = planes * plan.width // 64 * plan.groups
        # Channels that come out, kernel, stride, groups.
        pair = [(planes, 3, stride, 1), (planes, 3, 1, 1)]
        bottleneck = [(inner, 1, 1, 1), (inner, 3, stride, plan.groups), (outgoing, 1, 1, 1)]
        convolutions = pair if plan.expansion == 1 else bottleneck
        self.depth = len(convolutions)
        incoming = channels
        for number, (width, kernel, step, groups) in enumerate(convolutions, 1):
            convolution = nn.Conv2d(incoming, width, kernel, step, kernel // 2, groups=groups, bias=False)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(width))
            incoming = width
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != outgoing:
            shortcut = nn.Conv2d(channels, outgoing, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outgoing))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            x = self.relu(x + identity if number == self.depth else x)
        return x


def resnet(plan: Plan, classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width) to logits (N, classes). In train mode a side of 33 or more, or N above 1."""
    parts = OrderedDict[str, nn.Module](
        conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        bn1=nn.BatchNorm2d(64),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
    )
    channels = 64
    for number, count in enumerate(plan.blocks, 1):
        planes = 32 << number
        layer = nn.Sequential()
        for block in range(count):
            stride = 2 if number > 1 and block == 0 else 1
            layer.append(Residual(channels, planes, stride, plan))
            channels = planes * plan.expansion
        parts[f"layer{number}"] = layer
    parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes)}
    return nn.Sequential(parts)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {name: partial(resnet, plan) for name, plan in PLANS.items()}
