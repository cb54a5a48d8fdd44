"""What scripts in the wild make of a state dict before they pickle it (cases/pickle.toml). Imports torch alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch

State: TypeAlias = dict[str, torch.Tensor]


def _as_views(state: State) -> State:
    """The tensors as views of one storage, one behind the other. All must have one dtype."""
    whole = torch.cat([tensor.reshape(-1) for tensor in state.values()])
    views: State = {}
    at = 0
    for name, tensor in state.items():
        views[name] = whole[at : at + tensor.numel()].view(tensor.shape)
        at += tensor.numel()
    return views


def _with_room(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1), torch.ones(5, dtype=tensor.dtype)])[:-5].view(tensor.shape)


def _with_metadata(state: State) -> Mapping[str, Any]:
    """What ``state_dict()`` gives: an OrderedDict with the attribute ``_metadata``."""
    module = torch.nn.Module()
    for name, tensor in state.items():
        module.register_buffer(name, tensor)
    return module.state_dict()


PICKLED: Mapping[str, Callable[[State], Mapping[str, Any]]] = {
    "as-it-is": lambda state: state,
    "ordered": OrderedDict,
    "metadata": _with_metadata,
    "nested": lambda state: {"epoch": 3, "state_dict": state},
    "number-beside": lambda state: {**state, "version": 3},
    "parameters": lambda state: {name: torch.nn.Parameter(tensor) for name, tensor in state.items()},
    "gradients": lambda state: {name: tensor.requires_grad_() for name, tensor in state.items()},
    "one-storage": _as_views,
    "roomy-storage": lambda state: {name: _with_room(tensor) for name, tensor in state.items()},
    "tied": lambda state: {name: next(iter(state.values())).detach() for name in state},
}
"""By name: makes what is pickled from a state dict."""
