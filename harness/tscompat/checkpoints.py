"""The files in which PyTorch's people hand models on: pickles and safetensors, whole or in shards.

May import dtypes, tensors, torch_side. Written and read by torch's and safetensors' own libraries; what is made of a
state dict before it is pickled (``PICKLED``) is what scripts in the wild make of it.
"""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import safetensors
import safetensors.torch
import torch

from .tensors import StateDict
from .torch_side import export

State: TypeAlias = dict[str, torch.Tensor]

_library: Any = safetensors.torch  # which has no types

SAFETENSORS_DTYPES = frozenset({"u8", "i8", "i16", "i32", "i64", "f16", "f32", "f64", "c64", "bool", "bf16"})
"""Those of ours that a safetensors file has a name for."""


class UnreadableCheckpoint(Exception):
    """torch or safetensors cannot read the file: their own words."""


def write_pickle(state: Mapping[str, Any], path: Path, *, zipped: bool = True) -> None:
    """``torch.save``, as a zip file or in the format before PyTorch 1.6."""
    torch.save(state, path, _use_new_zipfile_serialization=zipped)


def write_safetensors(state: State, path: Path) -> None:
    """``save_file`` with metadata. It takes plain tensors that share no memory, so each goes as a copy of its own."""
    _library.save_file({name: _plain(tensor) for name, tensor in state.items()}, path, metadata={"format": "pt"})


def write_shards(write: Callable[[State, Path], None], name: str, state: State, folder: Path) -> None:
    """Two files of half the tensors each, and their index: named as ``save_pretrained`` of transformers names them."""
    folder.mkdir(exist_ok=True)
    stem, suffix = name.split(".")
    names = list(state)
    half = -(-len(names) // 2)
    shards = [shard for shard in (names[:half], names[half:]) if shard]
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"{stem}-{number:05}-of-{len(shards):05}.{suffix}"
        write({each: state[each] for each in shard}, folder / file)
        weight_map |= dict.fromkeys(shard, file)
    total = sum(tensor.nbytes for tensor in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / f"{name}.index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")


def read_pickle(path: Path) -> StateDict:
    """``torch.load`` of a state dict that is nothing but tensors. Raises UnreadableCheckpoint."""
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise UnreadableCheckpoint(_first_line(error)) from error
    return export(state)


def read_safetensors(path: Path) -> StateDict:
    """All tensors, in the order in which they lie in the file. Raises UnreadableCheckpoint."""
    try:
        opened: Any = safetensors.safe_open(path, "pt")
        with opened as file:
            return export({name: file.get_tensor(name) for name in file.offset_keys()})
    except safetensors.SafetensorError as error:
        raise UnreadableCheckpoint(_first_line(error)) from error


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _as_views(state: State) -> State:
    """Each a part of one storage, one behind the other; their dtype is one."""
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
    "one-object": lambda state: dict.fromkeys(state, next(iter(state.values()))),
}
"""What is pickled, of a state dict (cases/pickle.toml)."""
