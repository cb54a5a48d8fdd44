"""A case's module in Python: built, filled with the case's bits, asked for what it computes.

May import values, catalogue, python_side.
"""

from __future__ import annotations

import warnings
from typing import cast

import torch

from tscompat.catalogue import Case, Model, Tensors, TensorSpec, make
from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import BY_TORCH, DType
from tscompat.values.tensors import StateDict

from . import ARCHITECTURES, layers, training

torch.set_num_threads(1)  # a worker a core; and sums are added in one order


def torch_dtype(dtype: DType) -> torch.dtype:
    """torch's name for a dtype."""
    return getattr(torch, dtype.torch)


def build(model: Model) -> torch.nn.Module:
    """The module as its constructor leaves it, converted to its dtype (buffers that count stay int64)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has opinions on some options; the suite is there to test them
        module = (
            layers.build(cast(layers.Description, model.description))
            if model.kind == "layer"
            else ARCHITECTURES[model.name]()
        )
        return module.to(torch_dtype(model.dtype))


def specs_of(case: Case) -> tuple[TensorSpec, ...]:
    """The tensors of a case. Those of a model are the state dict of Python's module, which is built without memory.

    A model that only one side has has none.
    """
    model = case.subject
    if not isinstance(model, Model):
        return model.specs
    if model.only:
        return ()
    with torch.device("meta"):
        module = build(model)
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    first: dict[int, str] = {}
    specs: list[TensorSpec] = []
    for name, tensor in module.state_dict(keep_vars=True).items():
        tied_to = first.setdefault(id(tensor), name)
        dtype = BY_TORCH[str(tensor.dtype).removeprefix("torch.")]
        tied = "" if tied_to == name else tied_to
        specs.append(TensorSpec(name, dtype, tuple(tensor.shape), model.fill, name in buffers, tied))
    return tuple(specs)


def entries_of(case: Case, specs: tuple[TensorSpec, ...]) -> StateDict:
    """The bits of a case: made from counters, or, for a model with training steps, what torch has after them."""
    made = make(case.id, specs)
    model = case.subject
    if not isinstance(model, Model) or not model.steps:
        return made
    module = filled(model, made).train()
    training.train(module, model.steps)
    return torch_tensors.export(module.state_dict())


def filled(model: Model, entries: StateDict) -> torch.nn.Module:
    """The module with these bits, in eval mode."""
    module = build(model)
    fill(module, entries)
    return module.eval()


def state(subject: Tensors | Model, entries: StateDict) -> dict[str, torch.Tensor]:
    """What Python would save: the state dict of the module, or the tensors in the layout of the source."""
    if isinstance(subject, Model):
        return filled(subject, entries).state_dict()
    return torch_tensors.source(subject, entries)


def fill(module: torch.nn.Module, entries: StateDict) -> None:
    """Give a module these bits."""
    module.load_state_dict({name: torch_tensors.to_torch(tensor) for name, tensor in entries})


def arguments(model: Model, given: StateDict, dtype: DType) -> list[torch.Tensor | tuple[torch.Tensor, torch.Tensor]]:
    """The inputs as the module takes them, floating ones in this dtype: a pair of states is one."""
    tensors = (torch_tensors.to_torch(tensor) for _, tensor in given)
    converted = (each.to(torch_dtype(dtype)) if each.is_floating_point() else each for each in tensors)
    return [(next(converted), next(converted)) if isinstance(item, tuple) else next(converted) for item in model.inputs]


def forward(module: torch.nn.Module, model: Model, given: StateDict, dtype: DType) -> StateDict:
    """What the module computes from these inputs, in its present mode: its outputs, named by their number."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = layers.forward(module, arguments(model, given, dtype))
    return torch_tensors.export({str(number): output for number, output in enumerate(outputs)})


def buffers(module: torch.nn.Module) -> StateDict:
    """The module's persistent buffers."""
    names = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    return torch_tensors.export({name: tensor for name, tensor in module.state_dict().items() if name in names})
