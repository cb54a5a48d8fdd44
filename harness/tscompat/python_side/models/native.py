"""A case's module in Python: built, filled with the case's bits, asked for what it computes.

May import dtypes, tensors, catalogue, torch_side and the other models.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import cast

import torch

from tscompat.catalogue import Case, Model, TensorSpec, make
from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import StateDict

from . import ARCHITECTURES, layers, training

torch.set_num_threads(1)  # a worker a core; and sums are added in one order


def torch_dtype(dtype: DType) -> torch.dtype:
    """torch's name for a dtype."""
    return getattr(torch, dtype.torch)


def build(model: Model, dtype: DType) -> torch.nn.Module:
    """The module as its constructor leaves it, converted to the dtype (buffers that count stay int64)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has opinions on some options; the suite is there to test them
        module = (
            layers.build(cast(layers.Description, model.description))
            if model.kind == "layer"
            else ARCHITECTURES[model.name]()
        )
        return module.to(torch_dtype(dtype))


def resolve(case: Case) -> Case:
    """The case with the tensors that Python's module has; a case without a model as it is."""
    if case.model is None or case.model.only:
        return case
    with torch.device("meta"):  # shapes without memory
        module = build(case.model, BY_NAME[case.dtype])
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    first: dict[int, str] = {}
    specs: list[TensorSpec] = []
    for name, tensor in module.state_dict(keep_vars=True).items():
        tied_to = first.setdefault(id(tensor), name)
        dtype = BY_TORCH[str(tensor.dtype).removeprefix("torch.")]
        tied = "" if tied_to == name else tied_to
        specs.append(TensorSpec(name, dtype, tuple(tensor.shape), case.model.fill, name in buffers, tied))
    return replace(case, tensors=tuple(specs))


def entries(case: Case) -> StateDict:
    """The bits of a resolved case: made from counters, or, where it has training steps, what torch has after them."""
    made = make(case)
    if case.model is None or not case.model.steps:
        return made
    module = filled(case, made).train()
    training.train(module, case.model.steps)
    return torch_tensors.export(module.state_dict())


def filled(case: Case, entries: StateDict) -> torch.nn.Module:
    """The case's module with these bits, in eval mode."""
    assert case.model is not None
    module = build(case.model, BY_NAME[case.dtype])
    fill(module, entries)
    return module.eval()


def state(case: Case, entries: StateDict) -> dict[str, torch.Tensor]:
    """What Python would save: the state dict of the case's module, or its tensors in the layout of the source."""
    return filled(case, entries).state_dict() if case.model else torch_tensors.source(case, entries)


def fill(module: torch.nn.Module, entries: StateDict) -> None:
    """Give a module these bits."""
    module.load_state_dict({name: torch_tensors.to_torch(tensor) for name, tensor in entries})


def arguments(case: Case, given: StateDict, dtype: DType) -> list[torch.Tensor | tuple[torch.Tensor, torch.Tensor]]:
    """The inputs as the case's module takes them, in this dtype: a pair of states is one."""
    assert case.model is not None
    tensors = (torch_tensors.to_torch(tensor) for _, tensor in given)
    converted = (each.to(torch_dtype(dtype)) if each.is_floating_point() else each for each in tensors)
    return [
        (next(converted), next(converted)) if isinstance(item, tuple) else next(converted) for item in case.model.inputs
    ]


def forward(module: torch.nn.Module, case: Case, given: StateDict, dtype: DType) -> StateDict:
    """What the module computes from these inputs, in its present mode: its outputs, named by their number."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = layers.forward(module, arguments(case, given, dtype))
    return torch_tensors.export({str(number): output for number, output in enumerate(outputs)})


def buffers(module: torch.nn.Module) -> StateDict:
    """The module's persistent buffers."""
    names = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    return torch_tensors.export({name: tensor for name, tensor in module.state_dict().items() if name in names})
