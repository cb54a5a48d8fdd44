"""The overloads of ``Module``'s save and load, also of state dicts (NN/Module.cs). Imports its neighbours."""

from __future__ import annotations

from tscompat.dotnet_side.inside.clr import DotnetModule
from tscompat.dotnet_side.inside.work import Work

from .overload import Overload, into, module, reader, stream, writer


def _save_to_stream(work: Work, held: DotnetModule, path: str) -> None:
    with stream(work.dotnet, path, "Create") as opened:
        held.save(opened)


def _load_from_stream(work: Work, held: DotnetModule, path: str) -> None:
    with stream(work.dotnet, path, "OpenRead") as opened:
        held.load(opened, *work.how)


def _save_with_writer(work: Work, held: DotnetModule, path: str) -> None:
    with writer(work.dotnet, path) as made:
        held.save(made)


def _load_with_reader(work: Work, held: DotnetModule, path: str) -> None:
    with reader(work.dotnet, path) as made:
        held.load(made, *work.how)


def _save_state_dict(work: Work, held: DotnetModule, path: str) -> None:
    with writer(work.dotnet, path) as made:
        work.dotnet.Bag.save_state_dict(made, held.state_dict())


def _load_state_dict(work: Work, held: DotnetModule, path: str) -> None:
    source = work.state_dict_to_load()
    try:
        source.load(path)
        held.load_state_dict(source.state_dict(), *work.how)
    finally:
        source.Dispose()


OVERLOADS = {
    "module-path": Overload(
        module, lambda work, held, path: held.save(path), into(lambda work, held, path: held.load(path, *work.how))
    ),
    "module-stream": Overload(module, _save_to_stream, into(_load_from_stream)),
    "module-writer": Overload(module, _save_with_writer, into(_load_with_reader)),
    "module-state-dict": Overload(module, _save_state_dict, into(_load_state_dict)),
}
