"""Checkpoints of a model whose first layers are frozen: the optimizer beside it never stepped their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from files.by_hand.documents import PYTHON_2
from files.by_hand.models import torch_legacy, torch_zip
from files.real.libraries import LEGACY, saved
from files.real.states import MOMENTS, NET, PARAMETERS


def _frozen(step: Any) -> dict[str, Any]:
    rows = {
        PARAMETERS.index(name): {"step": step, "exp_avg": first, "exp_avg_sq": first * first}
        for name, first in MOMENTS.items()
    }
    group = {"lr": 0.5, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
    groups = [{**group, "params": list(range(len(PARAMETERS)))}]
    return {"model": NET, "optimizer": {"state": rows, "param_groups": groups}}


_NEW = _frozen(np.array(3, np.float32))
_OLD = _frozen(3)
"""The step was a number before torch 1.12."""
OPTIMIZERS: Mapping[str, Callable[[], bytes]] = {
    "frozen.pth": lambda: saved(_NEW),
    "legacy.pth": lambda: saved(_NEW, **LEGACY),
    "by-hand.pth": lambda: torch_zip(_OLD),
    "torch-1.4.pth": lambda: torch_legacy(_OLD),
    "python-2.pth": lambda: torch_legacy(_OLD, PYTHON_2),
}
