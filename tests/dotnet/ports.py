"""The model that the C# classes of Ports/ are ports of."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """A convolution, two norms, two linear layers: what each of the faults can be put into."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc1 = nn.Linear(4 * 6 * 6, 12)
        self.norm = nn.LayerNorm(12, eps=1e-5)
        self.fc2 = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.bn(self.conv(x))).flatten(1)
        x = nn.functional.gelu(self.norm(self.fc1(x)))
        return self.fc2(x)


def make() -> nn.Module:
    """The model with weights that are always the same, and buffers as after a training."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    net = Net()
    for buffer in (net.bn.running_mean, net.bn.running_var):
        assert buffer is not None
        buffer.copy_(torch.rand(4) + 0.5)
    return net
