"""An encoder like the vision transformer; its counterpart: dotnet/Peer/Models/Vit.cs. Imports torch.

It has parameters of its own beside those of its layers, and blocks with MultiheadAttention.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

PATCH, PATCHES, WIDTH, HEADS, DEPTH, CLASSES = 4, 64, 32, 4, 2, 10


class Block(nn.Module):
    """Attention among the patches, then a perceptron, each after a layer norm and with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.attention(normed, normed, normed)[0]
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """Images (batch, 3, 32, 32) to the scores of ten classes (batch, 10). Blocks get (1 + PATCHES, batch, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1 + PATCHES, 1, WIDTH) * 0.02)
        self.patches = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.blocks = nn.Sequential(*[Block() for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).permute(2, 0, 1)
        x = torch.cat([self.token.expand(1, images.shape[0], WIDTH), patches]) + self.positions
        x = self.blocks(x)
        return self.head(self.norm(x[0]))


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"vit": Vit}
