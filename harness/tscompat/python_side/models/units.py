"""What several architectures are built of: a convolution with its batch normalisation. May import torch.

Facts from torchvision: ``BasicConv2d`` (models/googlenet.py, models/inception.py) and ``Conv2dNormActivation``
(ops/misc.py), whose state-dict names these keep.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def named_unit(
    incoming: int, outgoing: int, kernel: tuple[int, int], stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> nn.Sequential:
    """GoogLeNet's and Inception's: ``conv``, ``bn``, ReLU. The epsilon is TensorFlow's, as their weights were."""
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            conv=nn.Conv2d(incoming, outgoing, kernel, stride, padding, bias=False),
            bn=nn.BatchNorm2d(outgoing, eps=0.001),
            relu=nn.ReLU(inplace=True),
        )
    )


def numbered_unit(
    incoming: int,
    norm: nn.BatchNorm2d,
    activation: nn.Module | None = None,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """The MobileNets': ``0`` is the convolution, ``1`` the normalisation (which says how many channels come out)."""
    convolution = nn.Conv2d(incoming, norm.num_features, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, norm) if activation is None else nn.Sequential(convolution, norm, activation)
