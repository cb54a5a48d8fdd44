"""The Python half of the modules that both sides build: layers from data, architectures a file each.

May import dtypes, tensors, catalogue, torch_side. Their other half is dotnet/Peer/Layers.cs and dotnet/Peer/Models.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from . import (
    alexnet,
    autoencoder,
    googlenet,
    gpt,
    inception_v3,
    lstm_classifier,
    mlp,
    mnist,
    mobilenet_v2,
    mobilenet_v3,
    resnet,
    unet,
    vgg,
    vit,
)

_ROOMS = (
    *(alexnet, autoencoder, googlenet, gpt, inception_v3, lstm_classifier, mlp),
    *(mnist, mobilenet_v2, mobilenet_v3, resnet, unet, vgg, vit),
)

ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    name.replace("_", "-"): make for room in _ROOMS for name, make in room.ARCHITECTURES.items()
}
"""All architectures, named as in case ids; dotnet/Peer/Models/Architectures.cs has the same names."""
