"""AlexNet, built as torchvision builds it (torchvision/models/alexnet.py). May import torch.

Weights are torch's plain initial ones: whoever uses the model brings their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

FEATURES = (
    # channels, kernel, stride, padding, whether a pooling follows
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def alexnet(classes: int = 1000) -> nn.Module:
    """An image (N, 3, height, width), 63 or more a side, to logits (N, classes)."""
    features: list[nn.Module] = []
    channels = 3
    for outgoing, kernel, stride, padding, pooled in FEATURES:
        features += [nn.Conv2d(channels, outgoing, kernel, stride, padding), nn.ReLU(inplace=True)]
        if pooled:
            features.append(nn.MaxPool2d(3, stride=2))
        channels = outgoing
    classifier = [
        *(nn.Dropout(), nn.Linear(channels * 6 * 6, 4096), nn.ReLU(inplace=True)),
        *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
        nn.Linear(4096, classes),
    ]
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            features=nn.Sequential(*features),
            avgpool=nn.AdaptiveAvgPool2d(6),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
    )


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"alexnet": alexnet}
