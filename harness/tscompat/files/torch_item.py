"""Tensors of torch over the elements of items. Imports torch and its neighbours. May import values and python_side."""

from __future__ import annotations

import warnings

import torch

from tscompat.python_side import torch_tensors
from tscompat.values.tensors import Tensor

from .item import Item


def tensor_of(item: Item) -> torch.Tensor:
    """A tensor over the memory that the item's ``read`` returns; a quantized tensor has memory of its own."""
    data = item.read()
    if item.dtype.kind == "quantized":
        return torch_tensors.to_torch(Tensor(item.dtype, item.shape, data), item.quantizer)
    dtype: torch.dtype = getattr(torch, item.dtype.torch)
    if not item.nbytes:
        return torch.empty(item.shape, dtype=dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable")  # the tensor is only read
        raw = torch.frombuffer(data, dtype=torch.uint8)
    return raw.view(dtype).view(item.shape)
