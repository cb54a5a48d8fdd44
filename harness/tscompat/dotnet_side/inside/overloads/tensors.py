"""The overloads of ``Tensor.Save`` and ``Tensor.Load``, and ``torch.save`` and ``torch.load``. Imports its neighbours.

Upstream: Tensor/TensorExtensionMethods.cs, Tensor/Factories/Tensor.Factories.cs, Tensor/torch.Serialization.cs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tscompat.dotnet_side.inside.clr import DotnetTensor
from tscompat.dotnet_side.inside.work import Work

from .overload import Overload, into, reader, stream, writer


def single(work: Work, path: str, poison: bool) -> DotnetTensor:
    """The only tensor of the expected file, or its complement (``poison``)."""
    return work.tensor(work.entries[0].tensor, poison=poison)


def only_to_save(work: Work, path: str, poison: bool) -> DotnetTensor | None:
    """To save: the only tensor of the expected file. To load: None; a load makes a new tensor."""
    return None if poison else single(work, path, poison)


def _save(work: Work, tensor: DotnetTensor, path: str) -> None:
    work.dotnet.Extensions.Save(tensor, path)


def _save_to_stream(work: Work, tensor: DotnetTensor, path: str) -> None:
    with stream(work.dotnet, path, "Create") as opened:
        work.dotnet.Extensions.Save(tensor, opened)


def _load_from_stream(work: Work, tensor: None, path: str) -> DotnetTensor:
    with stream(work.dotnet, path, "OpenRead") as opened:
        return work.dotnet.Tensor.Load(opened)


def _save_with_writer(work: Work, tensor: DotnetTensor, path: str) -> None:
    with writer(work.dotnet, path) as made:
        work.dotnet.Extensions.Save(tensor, made)


def _by_reader(load: Callable[[Work, DotnetTensor, Any], Any], work: Work, tensor: DotnetTensor, path: str) -> Any:
    """The ``load`` of an overload of Load that takes a BinaryReader."""
    with reader(work.dotnet, path) as made:
        return load(work, tensor, made)


OVERLOADS = {
    "tensor-path": Overload(only_to_save, _save, lambda work, _, path: work.dotnet.Tensor.Load(path)),
    "tensor-stream": Overload(only_to_save, _save_to_stream, _load_from_stream),
    "tensor-into": Overload(
        single,
        _save_with_writer,
        into(partial(_by_reader, lambda work, tensor, made: work.dotnet.Memory.LoadInto(tensor, made))),
    ),
    "tensor-reader": Overload(
        single, _save_with_writer, partial(_by_reader, lambda work, _, made: work.dotnet.Tensor.Load(made))
    ),
    "tensor-new": Overload(
        single, _save_with_writer, partial(_by_reader, lambda work, _, made: work.dotnet.Memory.LoadNew(made))
    ),
    "tensor-ref": Overload(
        single,
        _save_with_writer,
        partial(_by_reader, lambda work, tensor, made: work.dotnet.Memory.LoadRef(tensor, made)),
    ),
    "archive": Overload(
        only_to_save,
        lambda work, tensor, path: work.dotnet.Torch.save(tensor, path),
        lambda work, _, path: work.dotnet.Torch.load(path),
    ),
}
