"""The network of the MNIST and adversarial examples; its counterpart: dotnet/Peer/Models/Mnist.cs. Imports torch.

Layers and names are those of TorchSharpExamples' src/CSharp/Models/MNIST.cs, and of PyTorch's own MNIST example.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


class Mnist(nn.Module):
    """Images (batch, 1, 28, 28) to the log-probabilities of ten digits (batch, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.relu(self.conv1(images))
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = self.dropout1(x).flatten(1)
        x = self.dropout2(functional.relu(self.fc1(x)))
        return functional.log_softmax(self.fc2(x), dim=1)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"mnist": Mnist}
