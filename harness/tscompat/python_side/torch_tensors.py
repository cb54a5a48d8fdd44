"""torch's tensors, met here and nowhere else: to and from ``Tensor``, layouts, devices.

May import values, catalogue.

Never imported in a peer: two libtorch in one process crash.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch

from tscompat.catalogue import Tensors
from tscompat.values.dtypes import BY_TORCH
from tscompat.values.tensors import PLAIN, Entry, Quantizer, StateDict, Tensor

with warnings.catch_warnings():
    # torch says once a process that these types are experimental or deprecated. The suite is there to test them.
    warnings.simplefilter("ignore")
    torch.empty(0, dtype=torch.complex32)
    torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.qint8)

VERSION: str = torch.__version__


def cuda_version() -> str | None:
    """The CUDA version that torch uses here; None without a device."""
    return torch.version.cuda if torch.cuda.is_available() else None


def accelerator() -> str | None:
    """The name of the first CUDA device; None without one."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def to_torch(tensor: Tensor, quantizer: Quantizer = PLAIN) -> torch.Tensor:
    """A contiguous CPU tensor with these very bits, in memory of its own."""
    dtype = getattr(torch, tensor.dtype.torch)
    data = np.frombuffer(tensor.data, np.uint8)
    if tensor.dtype.kind != "quantized":
        made = torch.empty(tensor.shape, dtype=dtype)
        _memory(made)[:] = data
        return made
    zeros = torch.zeros(tensor.shape)
    made = torch.quantize_per_tensor(zeros, quantizer.scale, quantizer.zero_point, dtype)
    if data.size:
        # Quantizing would round: the integers are written where they lie.
        made.untyped_storage().copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8).untyped_storage())
    return made


def from_torch(tensor: torch.Tensor) -> Tensor:
    """The logical values as plain memory: device, conj, neg, strides resolved; no copy where there is nothing to do."""
    dtype = BY_TORCH[str(tensor.dtype).removeprefix("torch.")]
    plain = tensor.detach().cpu()
    if plain.is_quantized:
        plain = plain.int_repr()
    plain = plain.resolve_conj().resolve_neg().contiguous()
    return Tensor(dtype, tuple(plain.shape), _memory(plain))


def quantizer(state: Mapping[str, torch.Tensor]) -> Quantizer | None:
    """The first one in a state dict, per tensor; None if nothing in it is quantized."""
    quantized = (tensor for tensor in state.values() if tensor.is_quantized)
    return next((Quantizer(tensor.q_scale(), tensor.q_zero_point()) for tensor in quantized), None)


def _memory(tensor: torch.Tensor) -> np.ndarray:
    """The bytes of a contiguous CPU tensor, shared with it. One element may be contiguous and have any stride."""
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
    """Flips the sign bit of each imaginary part where it stands: arithmetic would not guarantee a NaN's bits."""
    stored = tensor.clone()
    half = stored.element_size() // 2
    _memory(stored)[2 * half - 1 :: 2 * half] ^= 0x80
    return stored.conj()


def _negative(tensor: torch.Tensor) -> torch.Tensor:
    """The imaginary part of a conjugated tensor is a view whose neg bit is set."""
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
"""The layouts of cases/layout.toml: each takes a contiguous tensor and gives a view with the same values."""


def source(bag: Tensors, entries: StateDict) -> dict[str, torch.Tensor]:
    """The state dict as a model in Python would hold it, in the layout of the case's source."""
    layout = LAYOUTS[bag.source_layout]
    made: dict[str, torch.Tensor] = {}
    for spec, (name, tensor) in zip(bag.specs, entries, strict=True):
        made[name] = made[spec.tied_to] if spec.tied_to else layout(to_torch(tensor, bag.quantizer))
    return made


def target(bag: Tensors, entries: StateDict) -> dict[str, torch.Tensor]:
    """A state dict to load into: as ``entries``, but with none of their bits, laid out as the case's target."""
    layout = LAYOUTS[bag.target_layout]
    order = reversed(entries) if bag.target_reversed else entries
    return {name: layout(to_torch(poison(tensor))) for name, tensor in order}


def on(device: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same on another device."""
    return {name: tensor.to(device) for name, tensor in state.items()}


def load(state: dict[str, torch.Tensor], entries: StateDict) -> None:
    """Copy what was read into a state dict, as ``Module.load_state_dict`` does: by name, with ``copy_``."""
    for name, tensor in entries:
        state[name].copy_(to_torch(tensor))


def export(state: Mapping[str, torch.Tensor]) -> StateDict:
    """A state dict of torch's as one of ours."""
    return [Entry(name, from_torch(tensor)) for name, tensor in state.items()]


def poison(tensor: Tensor) -> Tensor:
    """The same dtype and shape with the complement of the bits."""
    mask = 1 if tensor.dtype.kind == "bool" else 0xFF
    return tensor._replace(data=np.frombuffer(tensor.data, np.uint8) ^ np.uint8(mask))
