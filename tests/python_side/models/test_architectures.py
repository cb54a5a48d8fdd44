"""The architectures on the Python side."""

from __future__ import annotations

import pytest
import torch

from tscompat.python_side.models import ARCHITECTURES


@pytest.mark.parametrize("name", ["autoencoder", "gpt", "lstm-classifier", "mlp", "mnist", "unet", "vit"])
def test_is_small(name: str) -> None:
    assert sum(parameter.numel() for parameter in ARCHITECTURES[name]().parameters()) < 2_000_000


def test_mnist_has_the_layers_of_the_documented_example() -> None:
    shapes = {name: list(tensor.shape) for name, tensor in ARCHITECTURES["mnist"]().state_dict().items()}
    assert shapes == {
        "conv1.weight": [32, 1, 3, 3],
        "conv1.bias": [32],
        "conv2.weight": [64, 32, 3, 3],
        "conv2.bias": [64],
        "fc1.weight": [128, 9216],
        "fc1.bias": [128],
        "fc2.weight": [10, 128],
        "fc2.bias": [10],
    }


def test_gpt_is_causal() -> None:
    gpt = ARCHITECTURES["gpt"]().eval()
    tokens = torch.arange(8)[None]
    changed = tokens.clone()
    changed[0, -1] = 90
    with torch.no_grad():
        assert torch.equal(gpt(tokens)[:, :-1], gpt(changed)[:, :-1])


def test_gpt_ties_its_head_to_its_embedding() -> None:
    state = ARCHITECTURES["gpt"]().state_dict()
    assert state["head.weight"].data_ptr() == state["tokens.weight"].data_ptr()
