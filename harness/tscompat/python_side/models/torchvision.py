"""TorchVision's architectures, from torchvision itself. May import torch and torchvision.

Importing torchvision takes 1.5 s, so it is imported only when one of its architectures is built.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import nn

NAMES = (
    *("alexnet", "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
)
"""Functions of torchvision.models. dotnet/Peer/Models/Architectures.cs calls those of the same names in .NET."""

OPTIONS = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}
"""Arguments other than the defaults. Without these, both models warn that their initial weights will change."""

OTHERWISE: dict[str, tuple[str, dict[str, Any]]] = {
    "alexnet-7-classes": ("alexnet", {"num_classes": 7, "dropout": 0.25}),
    "googlenet-transforms": (
        "googlenet",
        {"num_classes": 7, "transform_input": True, "dropout": 0.25, "dropout_aux": 0.5},
    ),
    "inception-v3-transforms": ("inception_v3", {"num_classes": 7, "transform_input": True, "dropout": 0.25}),
    "resnet18-7-classes": ("resnet18", {"num_classes": 7, "zero_init_residual": True}),
    "resnet50-dilated": (
        "resnet50",
        {
            "num_classes": 7,
            "groups": 2,
            "width_per_group": 32,
            "replace_stride_with_dilation": [False, True, True],
        },
    ),
    "vgg11-7-classes": ("vgg11", {"num_classes": 7, "dropout": 0.25}),
}
"""Architectures with arguments of their own: the function and these. Architectures.cs has the same in .NET."""

MISSING = "operator torchvision::nms does not exist"


def build(name: str, **arguments: Any) -> nn.Module:
    """A new model on torch's default device. Its parameters and buffers are not initialised: a case fills all of them.

    To initialise them would take up to 1.7 s (wide_resnet101_2).
    """
    make = getattr(import_models(), name)
    with torch.device("meta"):
        module: nn.Module = make(**OPTIONS.get(name, {}), **arguments)
    return module.to_empty(device=torch.empty(0).device)


def import_models() -> Any:
    """Import and return torchvision.models, which has no types.

    PyPI's torchvision is compiled for CUDA. Beside a CPU build of torch its library ``_C`` does not load, which
    torchvision/extension.py accepts; but torchvision/_meta_registrations.py then describes two operators that ``_C``
    would have declared, and the import fails. Declaring them is enough: no architecture here calls them. Where ``_C``
    loads, nothing is declared.
    """
    try:
        return import_module("torchvision.models")
    except RuntimeError as error:
        if MISSING not in str(error):
            raise
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return import_module("torchvision.models")


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    **{name.replace("_", "-"): partial(build, name) for name in NAMES},
    **{name: partial(build, function, **arguments) for name, (function, arguments) in OTHERWISE.items()},
}
