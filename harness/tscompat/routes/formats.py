"""The file formats of the routes: how Python writes and reads each, and which checks TorchSharp's own format allows.

May import values, resources, codec.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import safetensors
import torch
from safetensors import torch as safetensors_torch
from typing_extensions import Buffer

from tscompat import codec
from tscompat.codec.fields import Walk, fields_of_state_dict, fields_of_tensor
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict

from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET

LIBRARY: Any = safetensors_torch
"""safetensors' functions for torch, whose types are not complete."""
State: TypeAlias = Mapping[str, Any]
"""A state dict of torch's."""
UNREADABLE = (
    *(RuntimeError, ValueError, TypeError, LookupError, EOFError),
    *(pickle.UnpicklingError, safetensors.SafetensorError),
)
"""What torch and safetensors raise for what they cannot write or read."""


@dataclass(frozen=True)
class DatFormat:
    """TorchSharp's own format, in which the oracle defines each byte: of a state dict, or of a single tensor."""

    encode: Callable[[StateDict], Iterator[Buffer]]
    fields: Walk
    read: Callable[[Path, StateDict], StateDict]
    """Takes the path and the expected entries, from which a single tensor gets its name."""
    checks: Mapping[str, tuple[str, ...]]
    """The names of the checks, by direction."""
    single: bool = False
    """Whether a file holds one tensor, and not the entries of a module."""

    def write(self, path: Path, entries: StateDict) -> None:
        """Write the file. Raises OSError."""
        write_whole(path, self.encode(entries))


STATE_DICT = DatFormat(
    encode=codec.encode_state_dict,
    fields=fields_of_state_dict,
    read=lambda path, expected: codec.read_state_dict(path),
    checks={PYTHON_TO_DOTNET: ("bytes", "bits"), DOTNET_TO_PYTHON: ("bytes", "bits", "order")},
)
TENSOR = DatFormat(
    encode=lambda entries: codec.encode_tensor(entries[0].tensor),
    fields=fields_of_tensor,
    read=lambda path, expected: [Entry(expected[0].name, codec.read_tensor(path))],
    checks={PYTHON_TO_DOTNET: ("bytes", "bits"), DOTNET_TO_PYTHON: ("bytes", "bits")},
    single=True,
)
LOADED_TENSOR = replace(TENSOR, checks={PYTHON_TO_DOTNET: ("bits",), DOTNET_TO_PYTHON: ()})
"""For routes that differ only in the overload of Load: other routes check the file and the way back."""


@dataclass(frozen=True)
class PythonFormat:
    """A format of Python's own libraries: the oracle does not define its bytes."""

    write: Callable[[Path, State], None]
    read: Callable[[Path], State] | None = None
    """None if PyBridge does not write such files."""


def read_pickle(path: Path) -> State:
    """Read a state dict with ``torch.load``: tensors, as ``torch.save`` of ``state_dict()`` stores them.

    Raises what torch.load raises, TypeError for what is no dict and for an entry that is no plain tensor, and
    ValueError for a storage with elements that belong to no tensor.
    """
    state: Any = torch.load(path, weights_only=True)
    if not isinstance(state, dict):
        raise TypeError(f"the file holds a {type(state).__name__}; expected a state dict")
    loaded = cast("dict[str, Any]", state)
    for name, value in loaded.items():
        if type(value) is not torch.Tensor:
            raise TypeError(f"{name!r} is stored as {type(value).__name__}; expected Tensor")
    held: dict[int, list[tuple[int, int]]] = {}
    for tensor in loaded.values():
        held.setdefault(tensor.untyped_storage().data_ptr(), []).append(_reach(tensor))
    for name, tensor in loaded.items():
        storage = tensor.untyped_storage()
        used = _covered(held[storage.data_ptr()])
        if storage.nbytes() > used:
            raise ValueError(f"the storage of {name!r} has {storage.nbytes()} bytes, of which tensors have {used}")
    return loaded


def _reach(tensor: torch.Tensor) -> tuple[int, int]:
    """The bytes of its storage from a tensor's first element to its last one."""
    start = int(tensor.storage_offset()) * tensor.itemsize
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return start, start + (int(last) + 1) * tensor.itemsize if tensor.numel() else start


def _covered(ranges: list[tuple[int, int]]) -> int:
    """How many bytes lie in at least one of the ranges."""
    total = end = 0
    for first, behind in sorted(ranges):
        total += max(0, behind - max(first, end))
        end = max(end, behind)
    return total


def write_pickle(path: Path, state: State, legacy: bool = False) -> None:
    """Write the state dict with ``torch.save``: a zip file, or with ``legacy`` the format before torch 1.6."""
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)


def write_safetensors(path: Path, state: State) -> None:
    """Write the state dict with ``save_file`` of safetensors, and the metadata that the transformers library writes."""
    LIBRARY.save_file(dict(state), path, metadata={"format": "pt"})


def write_shards(write: Callable[[Path, State], None], name: str, folder: Path, state: State) -> None:
    """Write two shards (one, for a single tensor) and their index into a new folder.

    The names are those of ``save_pretrained`` of the transformers library.
    """
    folder.mkdir()
    stem, suffix = name.split(".")
    names = list(state)
    half = (len(names) + 1) // 2
    shards = {f"{stem}-{n:05}-of-00002.{suffix}": part for n, part in ((1, names[:half]), (2, names[half:])) if part}
    for file, part in shards.items():
        write(folder / file, {each: state[each] for each in part})
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())},
        "weight_map": {each: file for file, part in shards.items() for each in part},
    }
    (folder / f"{name}.index.json").write_bytes(json.dumps(index).encode())


PICKLE = PythonFormat(write_pickle, read_pickle)
LEGACY_PICKLE = PythonFormat(partial(write_pickle, legacy=True))
SAFETENSORS = PythonFormat(write_safetensors, LIBRARY.load_file)
PICKLE_SHARDS = PythonFormat(partial(write_shards, write_pickle, "pytorch_model.bin"))
SAFETENSORS_SHARDS = PythonFormat(partial(write_shards, write_safetensors, "model.safetensors"))
