"""MobileNet V2, as in torchvision/models/mobilenetv2.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from .units import numbered_unit

STAGES = (
    # expansion, channels, blocks, stride of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
LAST = 1280
"""Channels before the classifier."""


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow without an activation; the input is added where the shapes allow it."""

    def __init__(self, channels: int, outgoing: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.conv = nn.Sequential()
        if expansion != 1:
            self.conv.append(numbered_unit(channels, nn.BatchNorm2d(hidden), nn.ReLU6(inplace=True)))
        depthwise = numbered_unit(
            hidden, nn.BatchNorm2d(hidden), nn.ReLU6(inplace=True), kernel=3, stride=stride, groups=hidden
        )
        self.conv.extend([depthwise, nn.Conv2d(hidden, outgoing, 1, bias=False), nn.BatchNorm2d(outgoing)])
        self.residual = stride == 1 and channels == outgoing

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width) to logits (N, classes). In train mode a side of 33 or more, or N above 1."""
    channels = 32
    features = nn.Sequential(numbered_unit(3, nn.BatchNorm2d(channels), nn.ReLU6(inplace=True), kernel=3, stride=2))
    for expansion, outgoing, blocks, first in STAGES:
        for block in range(blocks):
            features.append(InvertedResidual(channels, outgoing, first if block == 0 else 1, expansion))
            channels = outgoing
    features.append(numbered_unit(channels, nn.BatchNorm2d(LAST), nn.ReLU6(inplace=True)))
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            features=features,
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(LAST, classes)),
        )
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"mobilenet_v2": mobilenet_v2}
