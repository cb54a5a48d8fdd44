"""A bag of tensors as a module, and a load as PyTorch does it. May import values, catalogue, python_side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch

from tscompat.catalogue import Load, TensorSpec
from tscompat.python_side import torch_tensors
from tscompat.values.tensors import StateDict


def bag(specs: Iterable[TensorSpec], entries: StateDict, transient: Collection[str] = ()) -> torch.nn.Module:
    """A module of these parameters and buffers with these bits; the dots of a name separate submodules.

    ``transient`` names the buffers that are not persistent.
    """
    module = torch.nn.Module()
    for spec, (name, tensor) in zip(specs, entries, strict=True):
        made = torch_tensors.to_torch(tensor)
        *path, leaf = name.split(".")
        owner = module
        for child in path:
            owner = owner.get_submodule(child) if child in dict(owner.named_children()) else _child(owner, child)
        if spec.tied_to:
            owner.register_parameter(leaf, module.get_parameter(spec.tied_to))
        elif spec.buffer:
            owner.register_buffer(leaf, made, persistent=name not in transient)
        else:
            owner.register_parameter(leaf, torch.nn.Parameter(made))
    return module


def _child(owner: torch.nn.Module, name: str) -> torch.nn.Module:
    child = torch.nn.Module()
    owner.add_module(name, child)
    return child


def load(
    case: Load, before: StateDict, read: Callable[[], StateDict], unreadable: tuple[type[Exception], ...]
) -> tuple[str, StateDict]:
    """Load what ``read`` returns into a module with the bits ``before``.

    Returns why the load was refused ("" if it was not), and the module's tensors afterwards, non-persistent buffers
    too. ``unreadable`` are the exceptions that ``read`` raises for a file that it cannot read. PyTorch has no skip
    list: here, a name in ``case.skip`` is not loaded, and is neither missing nor unexpected.
    """
    module = bag(case.specs, before, case.transient)
    refused = ""
    try:
        entries = read()
        given = {name: torch_tensors.to_torch(tensor) for name, tensor in entries if name not in case.skip}
        keys: Any = module.load_state_dict(given, strict=False)
        odd = sorted({*keys.missing_keys, *keys.unexpected_keys} - {*case.skip})
        if case.strict and odd:
            refused = f"missing or unexpected: {', '.join(odd)}"
    except (*unreadable, RuntimeError) as error:
        refused = str(error.args[0]).partition("\n")[0]
    parameters = module.named_parameters(remove_duplicate=False)
    return refused, torch_tensors.export({**dict(parameters), **dict(module.named_buffers())})
