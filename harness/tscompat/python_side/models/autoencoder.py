"""A convolutional autoencoder; its counterpart: dotnet/Peer/Models/Autoencoder.cs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Images (batch, 1, 28, 28) to 32 numbers and back, in two Sequentials."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(784, 32),
        )
        self.decoder = nn.Sequential(
            nn.Linear(32, 784),
            nn.Unflatten(1, [16, 7, 7]),
            nn.ConvTranspose2d(16, 8, 2, stride=2),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(8, 1, 2, stride=2),
            nn.Sigmoid(),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"autoencoder": Autoencoder}
