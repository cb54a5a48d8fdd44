"""A person's model in torch: its gradients, and its training step by step; and what both would give without rounding.

May import values, codec, catalogue, python_side. Results have the names that .NET's have: ``input.0`` and the
parameters' for gradients; ``loss.3`` and ``step.3.NAME`` for a training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from tscompat.catalogue import load_bounds
from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS
from tscompat.values.compare import compare
from tscompat.values.dtypes import DType
from tscompat.values.tensors import Entry, StateDict

from .arguments import Arguments, run
from .optimizer_run import stepped
from .passes import CannotRun, as_the_peer, copied, failing, modules_of, reference, tensors_in, widened
from .rounding import Reference
from .torch_optimizers import name_in_torch, record_of
from .torch_tensors import entries_of, from_torch, to_torch

LOSSES = ("cross_entropy", "mse_loss")
"""The losses of torch.nn.functional that both sides compute (dotnet/Peer/Training.cs)."""
OPTIMIZERS = tuple(name_in_torch(each) for each in LAYOUTS)
"""The classes of torch.optim that TorchSharp has."""
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_INNER = (nn.MultiheadAttention, nn.RNNBase)
"""Layers with a number ``dropout``, and no layer of that kind."""
Tensors = Mapping[str, torch.Tensor]


class Recipe(NamedTuple):
    """How a model is trained."""

    steps: int
    optimizer: str
    """A class of torch.optim."""
    options: Mapping[str, Any]
    loss: str
    """One of ``LOSSES``."""


def gradients(model: nn.Module, given: StateDict, arguments: Arguments) -> StateDict:
    """The gradients of the floating inputs and of the parameters. ``given`` has ``input.N`` and ``cotangent.N``.

    Raises CannotRun.
    """
    if not any(name.startswith("cotangent.") for name, _ in given):
        raise CannotRun("no output is of a floating type, so there are no gradients")
    with failing("a pass backward in Python fails"):
        return _gradients(model, {name: to_torch(tensor) for name, tensor in given}, arguments)


def gradients_without_rounding(
    model: nn.Module, given: StateDict, arguments: Arguments, dtype: DType
) -> Mapping[str, Reference]:
    """The references of ``gradients`` in ``dtype``. Raises CannotRun."""
    wide = copied(model, wide=True)
    tensors = {name: widened(to_torch(tensor)) for name, tensor in given}
    return reference(lambda: _gradients(wide, tensors, arguments), dtype, _samples("arch-samples"))


def cotangents(outputs: StateDict) -> StateDict:
    """A number for each element of each floating output, the same each time, named ``cotangent.N``."""
    generator = torch.Generator().manual_seed(0)
    floating = [tensor for _, tensor in outputs if tensor.dtype.kind == "float"]
    drawn = (torch.randn(each.shape, generator=generator).to(getattr(torch, each.dtype.torch)) for each in floating)
    return [Entry(f"cotangent.{number}", from_torch(tensor)) for number, tensor in enumerate(drawn)]


def batches(model: nn.Module, inputs: Callable[[int], StateDict], arguments: Arguments, recipe: Recipe) -> StateDict:
    """The inputs and targets of each step, ``input.STEP.N`` and ``target.STEP.0``; ``inputs`` gives those of a step.

    Targets are random: of cross_entropy classes, of mse_loss numbers. Raises CannotRun where the first output has no
    classes.
    """
    made: StateDict = []
    generator = torch.Generator().manual_seed(1)
    for step in range(recipe.steps):
        given = inputs(step)
        with failing("a pass in Python fails"), torch.no_grad(), as_the_peer():
            output = _first(run(model, arguments, [to_torch(tensor) for _, tensor in given]))
        if recipe.loss == "cross_entropy":
            if output.dim() < 2:
                raise CannotRun(f"cross_entropy needs an output of at least 2 dims; found {[*output.shape]}")
            sizes = [size for dim, size in enumerate(output.shape) if dim != 1]
            target = torch.randint(0, output.shape[1], sizes, generator=generator)
        else:
            target = torch.randn(output.shape, generator=generator).to(output.dtype)
        made += [Entry(f"input.{step}.{name}", tensor) for name, tensor in given]
        made.append(Entry(f"target.{step}.0", from_torch(target)))
    return made


def trained(model: nn.Module, recipe: Recipe, given: StateDict, arguments: Arguments) -> StateDict:
    """The loss of each step, and the state dict after it. A copy is trained, whose dropout layers draw nothing.

    Raises CannotRun where it cannot be trained, and where it draws random numbers all the same.
    """
    tensors = {name: to_torch(tensor) for name, tensor in given}
    for name, module in modules_of(model, once=True).items():
        if isinstance(module, _INNER) and module.dropout > 0:
            raise CannotRun(
                f"{name!r} has a dropout inside, which cannot be stopped in .NET: give dropout=0 in both constructors"
            )
    with failing("a training in Python fails"):
        once, again = (_trained(_still(model, wide=False), recipe, tensors, arguments) for _ in range(2))
    if different := compare(once, again):
        raise CannotRun(
            f"a second training in Python gives something else ({different[0].detail}): the model draws random numbers "
            "while it is trained (F.dropout): nothing can be compared with it"
        )
    return once


def trained_without_rounding(
    model: nn.Module, recipe: Recipe, given: StateDict, arguments: Arguments, dtype: DType
) -> Mapping[str, Reference]:
    """The references of ``trained`` in ``dtype``. Raises CannotRun."""
    wide = _still(model, wide=True)
    tensors = {name: widened(to_torch(tensor)) for name, tensor in given}

    def compute() -> StateDict:
        return _trained(copied(wide, wide=True), recipe, tensors, arguments)

    return reference(compute, dtype, _samples("training-samples"))


def record(model: nn.Module, recipe: Recipe) -> OptimizerRecord:
    """The optimizer's options as TorchSharp has them. Raises CannotRun for those that it does not take."""
    try:
        return record_of(recipe.optimizer, _optimizer(model, recipe).state_dict(), [*model.parameters()])
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotRun(f"--optimizer {recipe.optimizer}: {error}") from error


def dropouts(model: nn.Module) -> int:
    """How many dropout layers draw something in a training."""
    return sum(isinstance(module, _DROPOUTS) and module.p > 0 for module in model.modules())


def _still(model: nn.Module, *, wide: bool) -> nn.Module:
    """A copy whose dropout layers draw nothing. Raises CannotRun."""
    made = copied(model, wide=wide)
    for module in made.modules():
        if isinstance(module, _DROPOUTS):
            module.p = 0.0
    return made


def _gradients(model: nn.Module, tensors: Tensors, arguments: Arguments) -> StateDict:
    inputs = {name: each.clone() for name, each in tensors.items() if name.startswith("input.")}
    for each in inputs.values():
        each.requires_grad_(each.is_floating_point())
    model.zero_grad(set_to_none=True)
    with as_the_peer():
        # Clones, because a model may change its inputs in place, which a leaf does not allow.
        found = tensors_in(run(model, arguments, [each.clone() for each in inputs.values()]))
        outputs = [each for each in found if each.is_floating_point()]
        total: Any = sum((each * tensors[f"cotangent.{number}"]).sum() for number, each in enumerate(outputs))
        total.backward()
    named = {**inputs, **dict(model.named_parameters())}
    made = {name: each.grad.clone() for name, each in named.items() if each.grad is not None}
    model.zero_grad(set_to_none=True)
    return entries_of(made)


def _trained(model: nn.Module, recipe: Recipe, tensors: Tensors, arguments: Arguments) -> StateDict:
    def inputs(step: int) -> list[torch.Tensor]:
        return [each for name, each in tensors.items() if name.startswith(f"input.{step}.")]

    with as_the_peer():
        optimizer = _optimizer(model.train(), recipe)
        targets = [tensors[f"target.{step}.0"] for step in range(recipe.steps)]
        return stepped(model, optimizer, recipe.loss, targets, lambda step: _first(run(model, arguments, inputs(step))))


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    kind: Any = getattr(torch.optim, recipe.optimizer)
    return kind([*model.parameters()], **recipe.options)


def _samples(of: str) -> int:
    """How often errors are drawn (cases/dtypes.toml)."""
    return int(load_bounds("rounding")[of])


def _first(output: Any) -> torch.Tensor:
    found = tensors_in(output)
    if not found:
        raise CannotRun("the model returns no tensor")
    return found[0]
