"""A small U-Net; its counterpart: dotnet/Peer/Models/Unet.cs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class DoubleConv(nn.Module):
    """Two convolutions that keep height and width, each with batch normalization."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(x)))


class Unet(nn.Module):
    """Images (batch, 1, height, width) to the scores of two classes for each pixel (batch, 2, height, width).

    Height and width are multiples of four.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down1 = DoubleConv(1, 8)
        self.down2 = DoubleConv(8, 16)
        self.bottom = DoubleConv(16, 32)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.merge2 = DoubleConv(32, 16)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.merge1 = DoubleConv(16, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        level1 = self.down1(images)
        level2 = self.down2(functional.max_pool2d(level1, 2))
        x = self.bottom(functional.max_pool2d(level2, 2))
        x = self.merge2(torch.cat([level2, self.up2(x)], dim=1))
        x = self.merge1(torch.cat([level1, self.up1(x)], dim=1))
        return self.head(x)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"unet": Unet}
