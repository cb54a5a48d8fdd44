"""Trains a case's model in torch step by step, and finds what that would give without rounding.

May import values, codec, catalogue, python_side. Results have one name in all comparisons: ``loss.3`` is the loss of
step 3, ``step.3.NAME`` an entry of the state dict after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from tscompat.catalogue import Model, Training, load_bounds
from tscompat.codec import OptimizerRecord
from tscompat.python_side import rounding
from tscompat.python_side.optimizer_run import stepped
from tscompat.python_side.rounding import Reference
from tscompat.python_side.torch_optimizers import record_of
from tscompat.python_side.torch_tensors import to_torch
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import StateDict

from . import layers, native


def trained(model: Model, training: Training, entries: StateDict, batches: StateDict, dtype: DType) -> StateDict:
    """The loss of each step and the state dict after it, computed in ``dtype``. ``batches`` are ``make_batches``'."""
    module = native.computing(model, entries, dtype).train()
    given = {name: to_torch(tensor) for name, tensor in native.inputs(batches, dtype)}
    targets = [given[f"target.{step}.0"] for step in range(training.steps)]

    def output(step: int) -> torch.Tensor:
        inputs = [given[f"input.{step}.{number}"] for number in range(len(model.inputs))]
        return layers.forward(module, inputs)[0]

    return stepped(module, _optimizer(training, module), training.loss, targets, output)


def reference(
    model: Model, training: Training, entries: StateDict, batches: StateDict, dtype: DType
) -> Mapping[str, Reference]:
    """The references of what ``trained`` returns in ``dtype``."""
    samples = int(load_bounds("rounding")["training-samples"])
    wide = BY_NAME["f64"]
    return rounding.reference(lambda: trained(model, training, entries, batches, wide), dtype, samples)


def record(model: Model, training: Training) -> OptimizerRecord:
    """The optimizer as its constructor leaves it."""
    module = native.build(model)
    return record_of(training.optimizer, _optimizer(training, module).state_dict(), list(module.parameters()))


def _optimizer(training: Training, module: torch.nn.Module) -> torch.optim.Optimizer:
    kind: Any = getattr(torch.optim, training.optimizer)
    return kind(module.parameters(), **training.options)
