"""What torchvision's models are, in lines of text: ``cases/torchvision/`` holds what the real torchvision said.

Where torchvision is installed, ``python tests/models/torchvision_witness.py`` writes the files anew.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tscompat.catalogue.fills import RandomBits
from tscompat.resources.folders import data_folder
from tscompat.values.dtypes import BY_TORCH

FOLDER = data_folder("cases") / "torchvision"
LOGITS = FOLDER / "logits.tsv"
SIDES = {
    "alexnet": 64,
    "vgg11_bn": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mobilenet_v3_large": 64,
    "googlenet": 64,
    "inception_v3": 75,
}
"""The architectures whose logits are kept, and the image's height and width: one for each kind of block."""


def schema(model: nn.Module) -> list[str]:
    """A line for each entry of the state dict, in order: name, dtype, shape, parameter or buffer."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return [
        "\t".join(
            (
                name,
                BY_TORCH[str(tensor.dtype).removeprefix("torch.")].name,
                ",".join(map(str, tensor.shape)),
                "parameter" if name in parameters else "buffer",
            )
        )
        for name, tensor in model.state_dict().items()
    ]


def logits(model: nn.Module, name: str) -> list[float]:
    """The first eight logits in eval mode, for weights and an image that depend on the name alone."""
    bits = RandomBits(name)

    def draw(shape: tuple[int, ...], scale: float) -> torch.Tensor:
        """Evenly spread over [-scale, scale)."""
        words = bits.take(4 * int(np.prod(shape))).view("<i4")
        return torch.from_numpy(words.astype(np.float32)).mul_(scale / 2**31).reshape(shape)

    model.eval()
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            shape = tuple(tensor.shape)
            if len(shape) > 1:
                tensor.copy_(draw(shape, (6 / tensor[0].numel()) ** 0.5))
            elif key.endswith(("weight", "running_var")):
                tensor.copy_(draw(shape, 0.5).add_(1))
            elif tensor.is_floating_point():
                tensor.copy_(draw(shape, 0.1))
        return model(draw((1, 3, SIDES[name], SIDES[name]), 1.0))[0, :8].tolist()


def real() -> dict[str, Callable[[], nn.Module]]:
    """The builders of the installed torchvision. Raises ModuleNotFoundError where there is none."""
    models = importlib.import_module("torchvision.models")

    def builder(name: str) -> Callable[[], nn.Module]:
        slow = name in ("googlenet", "inception_v3")  # and they warn, unless told not to initialise
        return lambda: getattr(models, name)(**({"init_weights": False} if slow else {}))

    return {file.stem: builder(file.stem) for file in sorted(FOLDER.glob("*.txt"))}


def write(file: Path, head: str, lines: list[str]) -> None:
    version = importlib.import_module("torchvision").__version__
    file.write_text("\n".join([f"# torchvision {version}, {head}", *lines, ""]), encoding="utf-8", newline="\n")


def main() -> None:
    builders = real()
    for name, build in builders.items():
        write(FOLDER / f"{name}.txt", f"torchvision.models.{name}(), state_dict()", schema(build()))
    rows = ["\t".join([name, *map(repr, logits(builders[name](), name))]) for name in SIDES]
    write(LOGITS, "first logits for the weights of tests/models/torchvision_witness.py", rows)


if __name__ == "__main__":
    main()
