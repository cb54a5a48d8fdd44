"""A few steps of training, in torch. May import catalogue."""

from __future__ import annotations

from typing import Any

import torch

from tscompat.catalogue import draw_digits

RATE = 0.05


def train(module: torch.nn.Module, steps: int, batch: int = 40) -> None:
    """Train a classifier of digits for some steps of plain SGD, in the module's own dtype."""
    dtype = next(module.parameters()).dtype
    untyped: Any = torch
    untyped.manual_seed(0)  # for dropout
    for step in range(steps):
        images, labels = draw_digits(batch, f"digits/{step}")
        module.zero_grad()
        computed = module(torch.tensor(images.tolist(), dtype=dtype))
        untyped.nn.functional.nll_loss(computed.float(), torch.tensor(labels.tolist())).backward()
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                parameter -= RATE * parameter.grad
