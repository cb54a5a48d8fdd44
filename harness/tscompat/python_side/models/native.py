"""Builds a case's module in Python, fills it with the case's bits, and runs it.

May import values, catalogue, python_side.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import cast

import torch

from tscompat.catalogue import Case, Model, Tensors, TensorSpec, load_bounds, make
from tscompat.python_side import rounding, torch_tensors
from tscompat.python_side.rounding import Reference
from tscompat.values.dtypes import BY_NAME, BY_TORCH, DType
from tscompat.values.tensors import StateDict

from . import ARCHITECTURES, layers, training
from .faulty import FAULTS

torch.set_num_threads(1)  # one worker for each core; and sums always add in the same order


def torch_dtype(dtype: DType) -> torch.dtype:
    """The ``torch.dtype`` of a dtype."""
    return getattr(torch, dtype.torch)


def build(model: Model) -> torch.nn.Module:
    """The module as its constructor leaves it, converted to its dtype (buffers that count stay int64)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about some options, which the suite tests on purpose
        module = (
            layers.build(cast(layers.Description, model.description))
            if model.kind == "layer"
            else ARCHITECTURES[model.name]()
        )
        return module.to(torch_dtype(model.dtype))


def specs_of(case: Case) -> tuple[TensorSpec, ...]:
    """The tensors of a case: for a model, those of the state dict of Python's module, built on the meta device.

    A model that only one side has (``Model.only``) has no specs.
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
    """The bits of a case: those that the catalogue makes, or those of a model after its training steps."""
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


def computing(model: Model, entries: StateDict, dtype: DType, faults: Sequence[str] = ()) -> torch.nn.Module:
    """The module with these bits, converted to ``dtype``, in eval mode, with these faults of TorchSharp's (faulty.py).

    Raises KeyError for an unknown fault.
    """
    module = filled(model, entries).to(torch_dtype(dtype))
    for fault in faults:
        FAULTS[fault](model, module)
    return module


def state(subject: Tensors | Model, entries: StateDict) -> dict[str, torch.Tensor]:
    """The state dict that Python saves: the filled module's, or a bag's tensors in the case's source layout."""
    if isinstance(subject, Model):
        return filled(subject, entries).state_dict()
    return torch_tensors.source(subject, entries)


def fill(module: torch.nn.Module, entries: StateDict, *, strict: bool = True) -> None:
    """Give a module these bits. Unless ``strict``, names that only one of both has are left alone."""
    module.load_state_dict({name: torch_tensors.to_torch(tensor) for name, tensor in entries}, strict=strict)


def inputs(given: StateDict, dtype: DType) -> StateDict:
    """The inputs, with floating-point ones converted to ``dtype``."""
    tensors = {name: torch_tensors.to_torch(tensor) for name, tensor in given}
    wanted = torch_dtype(dtype)
    return torch_tensors.export(
        {name: each.to(wanted) if each.is_floating_point() else each for name, each in tensors.items()}
    )


def arguments(
    model: Model, given: StateDict, dtype: DType, device: str = "cpu"
) -> list[torch.Tensor | tuple[torch.Tensor, torch.Tensor]]:
    """The module's inputs, with floating-point ones converted to ``dtype``; an LSTM's two states are one pair."""
    converted = (torch_tensors.to_torch(tensor).to(device) for _, tensor in inputs(given, dtype))
    return [(next(converted), next(converted)) if isinstance(item, tuple) else next(converted) for item in model.inputs]


def forward(module: torch.nn.Module, model: Model, given: StateDict, dtype: DType, device: str = "cpu") -> StateDict:
    """The module's outputs for these inputs, in its present mode (train or eval), named by their number.

    The module is moved to the device. cuDNN, which only CUDA has, is off (docs/bounds.md, "On CUDA").
    """
    with torch.no_grad(), warnings.catch_warnings(), torch.backends.cudnn.flags(enabled=False):
        warnings.simplefilter("ignore")
        outputs = layers.forward(module.to(device), arguments(model, given, dtype, device))
    return torch_tensors.export({str(number): output for number, output in enumerate(outputs)})


def reference(
    model: Model,
    entries: StateDict,
    given: StateDict,
    dtype: DType,
    *,
    train: bool = False,
    faults: Sequence[str] = (),
) -> Mapping[str, Reference]:
    """The references of the module's outputs for these inputs, in ``dtype`` (with ``train``, of its buffers after the
    pass), with these faults of TorchSharp's.
    """
    wide = BY_NAME["f64"]
    module = computing(model, entries, wide, faults).to(torch_dtype(wide)).train(train)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    def compute() -> StateDict:
        # A pass changes the buffers in train mode, and an embedding with max_norm its weights.
        module.load_state_dict(before)
        outputs = forward(module, model, given, wide)
        return buffers(module) if train else outputs

    few = model.kind == "arch" and not train and dtype.name in ("f32", "f64")
    return rounding.reference(compute, dtype, int(load_bounds("rounding")["arch-samples" if few else "samples"]))


def buffers(module: torch.nn.Module) -> StateDict:
    """The module's persistent buffers."""
    names = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    return torch_tensors.export({name: tensor for name, tensor in module.state_dict().items() if name in names})
