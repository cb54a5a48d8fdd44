"""Has the real TorchSharp load a .dat, and compares what .NET's memory then holds.

May import values, resources, codec, dotnet_side, files, verbs. ``Module.load`` loads the file into a module with the
file's names, and the complement of its bits. The peer compares .NET's memory with the file; this process compares the
digest of that memory with the source, so that the conversion's reader and writer are verified as well. An optimizer is
built with other options than the file's, over parameters that have the shapes of its states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tscompat.codec import OptimizerRecord, encode_optimizer, encode_state_dict, read_optimizer
from tscompat.codec.optimizer import Value, flat_options, flat_states
from tscompat.codec.reader import map_file
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.dotnet_side.errors import PeerDied
from tscompat.dotnet_side.messages import Thrown
from tscompat.dotnet_side.optimizer_call import OptimizerFiles, groups_of, poisoned
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.files.item import Item, LazyEntries, Tell
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare, first, same_stream
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import PASS, Kind, Verdict
from tscompat.verbs.peer import FLAT, ON_THE_CPU, NoPeer, loaded, peer_for, refused, seconds_for

_COPIES = 4
"""How many times the size of an optimizer's file a peer takes: parameters, first state, loaded state, written state."""


def verify(file: Path, items: Sequence[Item], tell: Tell, choice: Choice = PINNED, *, single: bool = False) -> Verdict:
    """The verdict of a load of ``file``, compared with ``items``; ``not-run``, with the reason, if none can be made.

    The file of a ``single`` tensor has no name. The peer compares state dicts, so it gets one with that tensor.
    """

    def ask(peer: PeerKeeper, folder: Path) -> Verdict:
        expected = folder / "expected.dat" if single else file
        if single:
            write_whole(expected, encode_state_dict(LazyEntries(items)))
        call = messages.Load(
            overload="tensor-path" if single else "module-path",
            expected=str(expected),
            artifact=str(file),
            module=None if single else FLAT,
            placement=ON_THE_CPU,
            identity=False,
            strict=True,
        )
        return loaded(peer.ask(call, seconds_for(file.stat().st_size)), items)

    return _asked(sum(item.nbytes for item in items), tell, choice, ask)


def verify_optimizer(
    file: Path, record: OptimizerRecord, sizes: Sequence[int], tell: Tell, choice: Choice = PINNED
) -> Verdict:
    """As ``verify``, for an optimizer's file; ``sizes`` has the number of parameters of each group."""

    def ask(peer: PeerKeeper, folder: Path) -> Verdict:
        files = OptimizerFiles.beside(folder / "again.dat", steps=0)
        parameters = [Entry(f"parameter.{number}", _like(state)) for number, state in enumerate(record.states)]
        write_whole(files.inputs, encode_state_dict(parameters))
        call = messages.UseOptimizer(
            overload="optimizer-path",
            optimizer=record.name,
            groups=groups_of(poisoned(record), sizes),
            inputs=str(files.inputs),
            before=(),
            load=str(file),
            target="fresh",
            save=str(files.again),
            after=(),
            memory=(str(files.memory[0]), str(files.memory[1])),
            parameters=tuple(map(str, files.parameters)),
            placement=ON_THE_CPU,
        )
        return _optimizer_loaded(peer.ask(call, seconds_for(file.stat().st_size)), record, files)

    return _asked(_COPIES * file.stat().st_size, tell, choice, ask)


def _asked(size: int, tell: Tell, choice: Choice, ask: Callable[[PeerKeeper, Path], Verdict]) -> Verdict:
    """The verdict that ``ask`` makes with a peer, in a folder for files; ``not-run`` if none can be started."""
    try:
        with peer_for(size, choice, tell) as (peer, folder):
            return ask(peer, folder)
    except PeerDied as died:
        return Verdict(died.kind, died.detail)
    except NoPeer as error:
        return Verdict(Kind.NOT_RUN, str(error))


def _optimizer_loaded(
    answer: messages.OptimizerUsed | Thrown, record: OptimizerRecord, files: OptimizerFiles
) -> Verdict:
    if isinstance(answer, Thrown):
        return refused(answer)
    for stage in ("begin", "save"):
        if stage in answer.thrown:
            return refused(answer.thrown[stage])
    found = read_optimizer(files.memory[0])
    for flat in (flat_options, flat_states):
        verdict = first(compare(flat(record), flat(found)))
        if verdict is not PASS:
            return verdict
    difference = same_stream(encode_optimizer(record), map_file(files.again))
    return PASS if difference is None else first([difference], {Kind.BYTES})


def _like(state: Mapping[str, Value]) -> Tensor:
    """A tensor with a parameter's dtype and shape, taken from its state; any tensor if the state has none."""
    tensors = (value for value in state.values() if isinstance(value, Tensor))
    return next(tensors, Tensor(BY_NAME["f32"], (), bytes(4)))
