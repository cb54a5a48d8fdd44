"""A few steps of training, in torch. May import catalogue."""

from __future__ import annotations

from typing import Any

import torch

from tscompat.catalogue import draw_digits


def train(module: torch.nn.Module, steps: int, batch: int = 40) -> None:
    """Train a classifier of digits for some steps of Adam, in the module's own dtype."""
    dtype = next(module.parameters()).dtype
    untyped: Any = torch
    optimizer = untyped.optim.Adam(module.parameters(), lr=1e-3)
    untyped.manual_seed(0)  # dropout
    for step in range(steps):
        images, labels = draw_digits(batch, f"digits/{step}")
        optimizer.zero_grad()
        computed = module(torch.tensor(images.tolist(), dtype=dtype))
        untyped.nn.functional.nll_loss(computed.float(), torch.tensor(labels.tolist())).backward()
        optimizer.step()
