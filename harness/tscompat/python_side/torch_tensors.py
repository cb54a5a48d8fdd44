"""Torch's tensors: conversion to and from ``Tensor``, layouts, devices. May import values, catalogue.

Never imported in a peer: two libtorch in one process crash.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import torch

from tscompat.catalogue import Tensors
from tscompat.values.dtypes import BY_TORCH, NO_CODE
from tscompat.values.tensors import PLAIN, Entry, Quantizer, StateDict, Tensor

with warnings.catch_warnings():
    # Once in a process, torch warns that these types are experimental or deprecated. The suite tests them on purpose.
    warnings.simplefilter("ignore")
    torch.empty(0, dtype=torch.complex32)
    torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.qint8)

torch.backends.cudnn.allow_tf32 = False  # TF32 keeps 10 bits of a float32's 23; for products it is off by default

VERSION: str = torch.__version__


TorchState: TypeAlias = Mapping[str, torch.Tensor]
"""What ``state_dict()`` of a module returns."""


def cuda_version() -> str | None:
    """The CUDA version of torch; None without a CUDA device."""
    return torch.version.cuda if torch.cuda.is_available() else None


def accelerator() -> str | None:
    """The name of the first CUDA device; None without one."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def to_torch(tensor: Tensor, quantizer: Quantizer = PLAIN) -> torch.Tensor:
    """A contiguous CPU tensor with the same bits, in memory of its own. Only quantized types use ``quantizer``."""
    dtype = getattr(torch, tensor.dtype.torch)
    data = np.frombuffer(tensor.data, np.uint8)
    if tensor.dtype.kind != "quantized":
        made = torch.empty(tensor.shape, dtype=dtype)
        _memory(made)[:] = data
        return made
    zeros = torch.zeros(tensor.shape)
    made = torch.quantize_per_tensor(zeros, quantizer.scale, quantizer.zero_point, dtype)
    if data.size:
        # Quantizing would round, so the integers are written into the storage.
        made.untyped_storage().copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8).untyped_storage())
    return made


def from_torch(tensor: torch.Tensor) -> Tensor:
    """The values in plain CPU memory: device, conj, neg and strides are resolved. Copies only where that needs a copy.

    Raises KeyError for a dtype that ``values.dtypes`` does not list.
    """
    dtype = BY_TORCH[str(tensor.dtype).removeprefix("torch.")]
    plain = tensor.detach().cpu()
    if plain.is_quantized:
        plain = plain.int_repr()
    plain = plain.resolve_conj().resolve_neg().contiguous()
    return Tensor(dtype, tuple(plain.shape), _memory(plain))


def entries_of(state: TorchState) -> StateDict:
    """The entries of a state dict, as TorchSharp's format has them. Raises ValueError for what it cannot hold."""
    if not isinstance(state, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"expected a state dict, found a {type(state).__name__}: give its state_dict()")
    made: StateDict = []
    for name, tensor in state.items():
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{name!r}: a key of type {type(name).__name__}, and no name")
        if not isinstance(tensor, torch.Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{name!r}: a {type(tensor).__name__}, and no tensor")
        if tensor.is_meta:
            raise ValueError(f"{name!r}: a tensor on the meta device, which has no values")
        dtype = BY_TORCH.get(str(tensor.dtype).removeprefix("torch."))
        if dtype is None or dtype.code == NO_CODE or dtype.kind == "quantized" or tensor.layout != torch.strided:
            what = tensor.dtype if tensor.layout == torch.strided else f"tensors of {tensor.layout}"
            raise ValueError(
                f"{name!r}: TorchSharp's format has no {what}, or not all of it: convert it, or leave it out"
            )
        made.append(Entry(name, from_torch(tensor)))
    return made


def quantizer(state: Mapping[str, torch.Tensor]) -> Quantizer | None:
    """Scale and zero point of the first quantized tensor in a state dict; None if there is none."""
    quantized = (tensor for tensor in state.values() if tensor.is_quantized)
    return next((Quantizer(tensor.q_scale(), tensor.q_zero_point()) for tensor in quantized), None)


def _memory(tensor: torch.Tensor) -> np.ndarray:
    """The bytes of a contiguous CPU tensor, not copied. A tensor of one element may have any stride: it is set to 1."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8).numpy()


def _permuted(*order: int) -> Callable[[torch.Tensor], torch.Tensor]:
    back = [order.index(dim) for dim in range(len(order))]
    return lambda tensor: tensor.permute(order).contiguous().permute(back)


def _sliced(tensor: torch.Tensor) -> torch.Tensor:
    *rows, last = tensor.shape
    return torch.empty(*rows, 2 * last, dtype=tensor.dtype)[..., ::2].copy_(tensor)


def _offset(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.numel() + 3, dtype=tensor.dtype)[3:].copy_(tensor.reshape(-1)).view(tensor.shape)


def _conjugated(tensor: torch.Tensor) -> torch.Tensor:
    """A conjugated view. The signs are flipped bit by bit, because arithmetic may change the payload of a NaN."""
    stored = tensor.clone()
    half = stored.element_size() // 2
    _memory(stored)[2 * half - 1 :: 2 * half] ^= 0x80
    return stored.conj()


def _negative(tensor: torch.Tensor) -> torch.Tensor:
    """A view whose neg bit is set: the imaginary part of a conjugated tensor."""
    return _conjugated(torch.complex(torch.zeros_like(tensor), tensor)).imag


LAYOUTS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "contiguous": lambda tensor: tensor,
    "transposed": lambda tensor: tensor.transpose(0, -1).contiguous().transpose(0, -1),
    "permuted": _permuted(1, 2, 0),
    "sliced": _sliced,
    "expanded": lambda tensor: tensor[:1].clone().expand(tensor.shape),
    "channels-last": _permuted(0, 2, 3, 1),
    "offset": _offset,
    "conj": _conjugated,
    "neg": _negative,
}
"""The layouts of cases/layout.toml: each turns a contiguous tensor into a view with the same values."""


def source(bag: Tensors, entries: StateDict) -> dict[str, torch.Tensor]:
    """The state dict to save: the entries in the case's source layout; tied ones are the same tensor, as in a model."""
    layout = LAYOUTS[bag.source_layout]
    made: dict[str, torch.Tensor] = {}
    for spec, (name, tensor) in zip(bag.specs, entries, strict=True):
        made[name] = made[spec.tied_to] if spec.tied_to else layout(to_torch(tensor, bag.quantizer))
    return made


def target(bag: Tensors, entries: StateDict) -> dict[str, torch.Tensor]:
    """A state dict to load into, in the case's target layout, pre-filled with the complement of ``entries``."""
    layout = LAYOUTS[bag.target_layout]
    order = reversed(entries) if bag.target_reversed else entries
    return {name: layout(to_torch(poison(tensor))) for name, tensor in order}


def on(device: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict with its tensors on this device."""
    return {name: tensor.to(device) for name, tensor in state.items()}


def load(state: dict[str, torch.Tensor], entries: StateDict) -> None:
    """Copy ``entries`` into a state dict by name, with ``copy_``, as ``Module.load_state_dict`` does."""
    for name, tensor in entries:
        state[name].copy_(to_torch(tensor))


def export(state: Mapping[str, torch.Tensor]) -> StateDict:
    """Torch's state dict, converted to a ``StateDict``. Raises KeyError as ``from_torch`` does."""
    return [Entry(name, from_torch(tensor)) for name, tensor in state.items()]


def poison(tensor: Tensor) -> Tensor:
    """The tensor with the complement of its bits; a bool becomes its opposite."""
    mask = 1 if tensor.dtype.kind == "bool" else 0xFF
    return tensor._replace(data=np.frombuffer(tensor.data, np.uint8) ^ np.uint8(mask))
