"""A multi-layer perceptron; its counterpart: dotnet/Peer/Models/Mlp.cs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    """Features (batch, 20) to five outputs (batch, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(20, 64)
        self.hidden2 = nn.Linear(64, 32)
        self.output = nn.Linear(32, 5)

    def forward(self, features: Tensor) -> Tensor:
        return self.output(self.hidden2(functional.relu(self.hidden1(features))).tanh())


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"mlp": Mlp}
