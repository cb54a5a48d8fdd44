"""MobileNet V3, small and large, as in torchvision/models/mobilenetv3.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from .units import numbered_unit


@dataclass(frozen=True)
class Block:
    """One row of the paper's tables 1 and 2; ``squeezed`` is a quarter of ``hidden``, rounded to a multiple of 8."""

    kernel: int
    hidden: int
    outgoing: int
    squeezed: int
    """Channels in the middle of the squeeze-and-excitation; 0 where the block has none."""
    activation: type[nn.ReLU] | type[nn.Hardswish]
    stride: int = 1


SMALL = (
    Block(3, 16, 16, 8, nn.ReLU, 2),
    Block(3, 72, 24, 0, nn.ReLU, 2),
    Block(3, 88, 24, 0, nn.ReLU),
    Block(5, 96, 40, 24, nn.Hardswish, 2),
    Block(5, 240, 40, 64, nn.Hardswish),
    Block(5, 240, 40, 64, nn.Hardswish),
    Block(5, 120, 48, 32, nn.Hardswish),
    Block(5, 144, 48, 40, nn.Hardswish),
    Block(5, 288, 96, 72, nn.Hardswish, 2),
    Block(5, 576, 96, 144, nn.Hardswish),
    Block(5, 576, 96, 144, nn.Hardswish),
)
LARGE = (
    Block(3, 16, 16, 0, nn.ReLU),
    Block(3, 64, 24, 0, nn.ReLU, 2),
    Block(3, 72, 24, 0, nn.ReLU),
    Block(5, 72, 40, 24, nn.ReLU, 2),
    Block(5, 120, 40, 32, nn.ReLU),
    Block(5, 120, 40, 32, nn.ReLU),
    Block(3, 240, 80, 0, nn.Hardswish, 2),
    Block(3, 200, 80, 0, nn.Hardswish),
    Block(3, 184, 80, 0, nn.Hardswish),
    Block(3, 184, 80, 0, nn.Hardswish),
    Block(3, 480, 112, 120, nn.Hardswish),
    Block(3, 672, 112, 168, nn.Hardswish),
    Block(5, 672, 160, 168, nn.Hardswish, 2),
    Block(5, 960, 160, 240, nn.Hardswish),
    Block(5, 960, 160, 240, nn.Hardswish),
)


class SqueezeExcitation(nn.Module):
    """Scales each channel by a factor that is computed from the means of all channels (torchvision/ops/misc.py)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.hardsigmoid = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.hardsigmoid(self.fc2(self.relu(self.fc1(self.avgpool(x)))))


class InvertedResidual(nn.Module):
    """Widen, filter each channel, weigh the channels, narrow; the input is added where the shapes allow it."""

    def __init__(self, channels: int, plan: Block) -> None:
        super().__init__()
        hidden = plan.hidden
        self.block = nn.Sequential()
        if hidden != channels:
            self.block.append(numbered_unit(channels, norm(hidden), plan.activation(inplace=True)))
        self.block.append(
            numbered_unit(
                hidden,
                norm(hidden),
                plan.activation(inplace=True),
                kernel=plan.kernel,
                stride=plan.stride,
                groups=hidden,
            )
        )
        if plan.squeezed:
            self.block.append(SqueezeExcitation(hidden, plan.squeezed))
        self.block.append(numbered_unit(hidden, norm(plan.outgoing)))
        self.residual = plan.stride == 1 and channels == plan.outgoing

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001, momentum=0.01)


def mobilenet_v3(blocks: tuple[Block, ...], last: int, classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width) to logits (N, classes). In train mode a side of 33 or more, or N above 1."""
    channels = 16
    features = nn.Sequential(numbered_unit(3, norm(channels), nn.Hardswish(inplace=True), kernel=3, stride=2))
    for block in blocks:
        features.append(InvertedResidual(channels, block))
        channels = block.outgoing
    features.append(numbered_unit(channels, norm(6 * channels), nn.Hardswish(inplace=True)))
    classifier = [
        *(nn.Linear(6 * channels, last), nn.Hardswish(inplace=True), nn.Dropout(0.2, inplace=True)),
        nn.Linear(last, classes),
    ]
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            features=features,
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v3_small": partial(mobilenet_v3, SMALL, 1024),
    "mobilenet_v3_large": partial(mobilenet_v3, LARGE, 1280),
}
