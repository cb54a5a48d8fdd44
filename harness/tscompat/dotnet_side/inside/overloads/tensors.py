"""The overloads of ``Tensor.Save`` and ``Tensor.Load``, and ``torch.save`` and ``torch.load``. Imports its neighbours.

Upstream: Tensor/TensorExtensionMethods.cs, Tensor/Factories/Tensor.Factories.cs, Tensor/torch.Serialization.cs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tscompat.dotnet_side.inside.clr import DotnetTensor
from tscompat.dotnet_side.inside.work import Work

from .overload import Overload, into, reader, stream, writer


def single(work: Work, poison: bool) -> DotnetTensor:
    """The expected_file's only tensor."""
    return work.tensor(work.entries[0].tensor, poison=poison)


def nothing_to_load_into(work: Work, poison: bool) -> DotnetTensor | None:
    """The same to save; loading makes a new one."""
    return None if poison else single(work, poison)


def _save(work: Work, tensor: DotnetTensor) -> None:
    work.dotnet.Extensions.Save(tensor, work.description.artifact)


def _save_to_stream(work: Work, tensor: DotnetTensor) -> None:
    with stream(work, "Create") as opened:
        work.dotnet.Extensions.Save(tensor, opened)


def _load_from_stream(work: Work, tensor: None) -> DotnetTensor:
    with stream(work, "OpenRead") as opened:
        return work.dotnet.Tensor.Load(opened)


def _save_with_writer(work: Work, tensor: DotnetTensor) -> None:
    with writer(work) as made:
        work.dotnet.Extensions.Save(tensor, made)


def _with_reader(load: Callable[[Work, DotnetTensor, Any], Any]) -> Callable[[Work, DotnetTensor], Any]:
    def call(work: Work, tensor: DotnetTensor) -> Any:
        with reader(work) as made:
            return load(work, tensor, made)

    return call


_ARCHIVE = Overload(
    nothing_to_load_into,
    lambda work, tensor: work.dotnet.Torch.save(tensor, work.description.artifact),
    lambda work, tensor: work.dotnet.Torch.load(work.description.artifact),
)

OVERLOADS = {
    "tensor": Overload(nothing_to_load_into, _save, lambda work, _: work.dotnet.Tensor.Load(work.description.artifact)),
    "tensor-stream": Overload(nothing_to_load_into, _save_to_stream, _load_from_stream),
    "tensor-writer": Overload(
        single,
        _save_with_writer,
        into(_with_reader(lambda work, tensor, made: work.dotnet.Memory.LoadInto(tensor, made))),
    ),
    "tensor-reader": Overload(
        single, _save_with_writer, _with_reader(lambda work, _, made: work.dotnet.Tensor.Load(made))
    ),
    "tensor-new": Overload(
        single, _save_with_writer, _with_reader(lambda work, _, made: work.dotnet.Memory.LoadNew(made))
    ),
    "tensor-ref": Overload(
        single, _save_with_writer, _with_reader(lambda work, tensor, made: work.dotnet.Memory.LoadRef(tensor, made))
    ),
    "torch-save": _ARCHIVE,
    "torch-save-script": _ARCHIVE,
}
