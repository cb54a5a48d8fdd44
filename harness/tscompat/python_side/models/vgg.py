"""VGG with 11 to 19 layers, plain and with batch normalisation, as in torchvision/models/vgg.py. May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from torch import nn

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Convolutions in each stage, a pooling after each."""


def vgg(depths: tuple[int, ...], normalised: bool, classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width), 32 or more a side, to logits (N, classes)."""
    features: list[nn.Module] = []
    channels = 3
    for width, depth in zip(WIDTHS, depths, strict=True):
        for _ in range(depth):
            features.append(nn.Conv2d(channels, width, 3, padding=1))
            if normalised:
                features.append(nn.BatchNorm2d(width))
            features.append(nn.ReLU(inplace=True))
            channels = width
        features.append(nn.MaxPool2d(2))
    classifier = [
        *(nn.Linear(channels * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        nn.Linear(4096, classes),
    ]
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            features=nn.Sequential(*features),
            avgpool=nn.AdaptiveAvgPool2d(7),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    name + ("_bn" if normalised else ""): partial(vgg, depths, normalised)
    for name, depths in DEPTHS.items()
    for normalised in (False, True)
}
