"""The overloads of ``Module.save`` and ``load``, and the state dict's own (NN/Module.cs). Imports its neighbours."""

from __future__ import annotations

from tscompat.dotnet_side.inside.clr import DotnetModule
from tscompat.dotnet_side.inside.work import Work

from .overload import Overload, into, module, reader, stream, writer


def _save_to_stream(work: Work, held: DotnetModule) -> None:
    with stream(work, "Create") as opened:
        held.save(opened)


def _load_from_stream(work: Work, held: DotnetModule) -> None:
    with stream(work, "OpenRead") as opened:
        held.load(opened)


def _save_with_writer(work: Work, held: DotnetModule) -> None:
    with writer(work) as made:
        held.save(made)


def _load_with_reader(work: Work, held: DotnetModule) -> None:
    with reader(work) as made:
        held.load(made)


def _save_state_dict(work: Work, held: DotnetModule) -> None:
    with writer(work) as made:
        work.dotnet.Bag.save_state_dict(made, held.state_dict())


def _load_state_dict(work: Work, held: DotnetModule) -> None:
    source = work.module(poison=True)
    try:
        source.load(work.description.artifact)
        held.load_state_dict(source.state_dict())
    finally:
        source.Dispose()


OVERLOADS = {
    "dat": Overload(
        module,
        lambda work, held: held.save(work.description.artifact),
        into(lambda work, held: held.load(work.description.artifact)),
    ),
    "dat-stream": Overload(module, _save_to_stream, into(_load_from_stream)),
    "dat-writer": Overload(module, _save_with_writer, into(_load_with_reader)),
    "dat-state-dict": Overload(module, _save_state_dict, into(_load_state_dict)),
}
