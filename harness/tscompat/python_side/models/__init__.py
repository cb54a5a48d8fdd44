"""The Python half of the modules that both sides build: layers from data, architectures, small ones in a file each.

May import values, catalogue. Their other half is dotnet/Peer/Layers.cs and dotnet/Peer/Models.
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
