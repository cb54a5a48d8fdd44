"""Python's half of the modules that both sides build: layers from descriptions, and architectures.

May import values, catalogue. .NET's half is dotnet/Peer/Layers.cs and dotnet/Peer/Models. A small architecture has a
file of its own here.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from . import autoencoder, gpt, lstm_classifier, mlp, mnist, torchvision, unet, vit

_MODULES = (autoencoder, gpt, lstm_classifier, mlp, mnist, unet, vit, torchvision)

ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    name: make for module in _MODULES for name, make in module.ARCHITECTURES.items()
}
"""All architectures, named as in case ids; dotnet/Peer/Models/Architectures.cs has the same names."""
