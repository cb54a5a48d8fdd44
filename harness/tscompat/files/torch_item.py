"""Makes items of torch's tensors and torch's tensors of items, without a copy where the bytes can be shared.

May import values, python_side.
"""

from __future__ import annotations

import warnings

import torch

from tscompat.python_side import torch_tensors
from tscompat.values.dtypes import BY_TORCH
from tscompat.values.tensors import PLAIN, Quantizer, Tensor

from .item import Item, Unfit


def item(name: object, value: object) -> Item | Unfit:
    """The item of an entry of torch's state dict; an Unfit if no target can hold the entry.

    Strides, conj and neg are resolved, and quantized elements become integers, when the item is read.
    """
    if not isinstance(name, str):
        return Unfit(repr(name), f"a key of type {type(name).__name__}, and not a name")
    if not isinstance(value, torch.Tensor):
        return Unfit(name, f"of type {type(value).__name__}, and not a tensor")
    tensor = value.detach()
    dtype = BY_TORCH.get(str(tensor.dtype).removeprefix("torch."))
    if tensor.layout != torch.strided or tensor.is_nested:
        layout = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
        return Unfit(name, f"a {layout} tensor: make it dense in Python (to_dense(), to_padded_tensor())")
    if tensor.is_meta:
        return Unfit(name, "a tensor on the meta device, which has no values")
    if dtype is None:
        return Unfit(name, f"of {tensor.dtype}, which can only be converted in Python")
    quantizer = PLAIN
    if tensor.is_quantized:
        if tensor.qscheme() != torch.per_tensor_affine:
            return Unfit(name, f"quantized by {tensor.qscheme()}: dequantize() it in Python")
        quantizer = Quantizer(tensor.q_scale(), tensor.q_zero_point())
    where = (tensor.data_ptr(), tensor.stride(), tensor.is_conj(), tensor.is_neg())
    tie = (dtype.name, tuple(tensor.shape), where) if tensor.numel() else None
    copies = not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg()
    return Item(name, dtype, tuple(tensor.shape), lambda: torch_tensors.from_torch(tensor).data, copies, quantizer, tie)


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
