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


class Recurrent(nn.Module):
    """Several inputs, a pair of initial states, two outputs, a layer that is called twice, attention, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2)
        self.shared = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen, _ = self.lstm(x, (h, c))
        seen = self.shared(self.drop(self.shared(seen).relu()))
        turned = seen.transpose(0, 1)
        attended, _ = self.attention(turned, turned, value=turned, need_weights=False)
        return seen, attended


class Turned(nn.Module):
    """Attention and a layer of a transformer, with the batch first."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended, _ = self.attention(x, x, x, need_weights=False)
        return self.layer(attended)


class Stateful(nn.Module):
    """A pair of states as one argument, and a mask that is given by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, batch_first=True)

    def forward(
        self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor], *, mask: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        seen, state = self.lstm(x, state)
        return seen * mask, state


class Zoo(nn.Module):
    """Layers of many kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.group = nn.GroupNorm(2, 8)
        self.instance = nn.InstanceNorm2d(8)
        self.act = nn.GELU()
        self.leaky = nn.LeakyReLU(0.2, inplace=True)
        self.soft = nn.Softmax(1)
        self.prelu = nn.PReLU(8, 0.25)
        self.up = nn.Upsample(scale_factor=2.0)
        self.deconv = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.adaptive = nn.AdaptiveAvgPool2d((2, 2))
        self.pad = nn.ZeroPad2d(1)
        self.flat = nn.Flatten()
        self.head = nn.Linear(64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.pool(self.conv(x))))
        x = self.leaky(self.instance(self.group(x)))
        x = self.prelu(self.soft(x))
        x = self.pad(self.adaptive(self.deconv(self.up(x))))
        return self.head(self.flat(x))


class Wide(nn.Module):
    """Many wide layers, to measure with."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2048, 2048) for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        return x


def make() -> nn.Module:
    """The model with weights that are always the same, and buffers as after a training."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    net = Net()
    for buffer in (net.bn.running_mean, net.bn.running_var):
        assert buffer is not None
        buffer.copy_(torch.rand(4) + 0.5)
    return net


def make_recurrent() -> nn.Module:
    """As ``make``."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    return Recurrent()


def make_zoo() -> nn.Module:
    """As ``make``."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    return Zoo()


def make_wide() -> nn.Module:
    """A model of 1 GB."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    return Wide(64)


def no_model() -> int:
    """What is no model."""
    return 3
