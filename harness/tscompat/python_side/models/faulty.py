"""Modules of Python that repeat the faults of TorchSharp's: what a known divergence predicts of a forward pass.

May import values, catalogue. A fault gets a filled module and changes it, so that it computes what TorchSharp's does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import torch
from torch import nn

from tscompat.catalogue import Model

from . import layers

Fault: TypeAlias = Callable[[Model, nn.Module], None]


def relu6_in_squeeze_excitation(model: Model, module: nn.Module) -> None:
    """TorchVision's MobileNetV3 has ReLU6 in its squeeze-and-excitation (MobileNetV3.cs); torchvision has ReLU."""
    for each in module.modules():
        if type(each).__name__ == "SqueezeExcitation":
            each.activation = nn.ReLU6()


def layers_of_resnet_50(model: Model, module: nn.Module) -> None:
    """TorchVision's ResNeXt-101 has six blocks in its third layer (ResNet.cs); torchvision has 23."""
    layer: Any = module.layer3
    module.layer3 = layer[:6]


def values_of_the_constructor(model: Model, module: nn.Module) -> None:
    """The module computes with the tensors that its constructor was given, in their own dtype: from_pretrained of an
    Embedding (THSNN.cpp), the weights of losses (Losses.cs).
    """
    _give(module, layers.build(cast(layers.Description, model.description)))


def converted_values_of_the_constructor(model: Model, module: nn.Module) -> None:
    """The module computes with the tensors that its constructor was given, converted with the module: the weights of
    losses that are part of a model, which have a name of their own there.
    """
    made = layers.build(cast(layers.Description, model.description))
    _give(module, made.to(getattr(torch, model.dtype.torch)))


def _give(module: nn.Module, made: nn.Module) -> None:
    """Replace the tensors of ``module`` by those of ``made``, which has the same names."""
    for name, tensor in made.state_dict(keep_vars=True).items():
        path, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(path), leaf, tensor)


FAULTS: Mapping[str, Fault] = {
    "relu6-in-squeeze-excitation": relu6_in_squeeze_excitation,
    "layers-of-resnet-50": layers_of_resnet_50,
    "values-of-the-constructor": values_of_the_constructor,
    "converted-values-of-the-constructor": converted_values_of_the_constructor,
}
"""The faults, by the names that entries of cases/divergences/ have for them."""
