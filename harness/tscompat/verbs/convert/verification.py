"""Has the real TorchSharp load a .dat, and compares what is in its memory. Imports its neighbours.

May import peer, routes, codec, bits, optim_side, verdict too.

``Module.load`` loads the file into a module with its names, filled with the complement of its bits. The peer compares
.NET's memory with the file, we its digest with the source: what the reader and the writer did is verified as well.
An optimizer is built with other options, over parameters of the shapes that its states have.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tscompat.catalogue import Case, Group, OptimizerCase
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer
from tscompat.codec.optimizer import Value, flat_options, flat_states
from tscompat.dotnet_side.build import ensure_built
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.process import Peer, PeerBroken, PeerDied, PeerKeeper, inside
from tscompat.files.item import Item, LazyEntries, Tell
from tscompat.python_side.torch_optimizers import name_in_torch
from tscompat.routes import Job, judging
from tscompat.routes.optim import OptimizerJob, poisoned
from tscompat.values.compare import compare
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import Kind, Verdict

_BESIDE_THE_MODEL = 10**9
"""Bytes of memory that a peer takes for itself."""
_COPIES = 4
"""Of an optimizer's file: its parameters, the state they start with, what is loaded, what is written down."""


def verify(file: Path, items: Sequence[Item], tell: Tell) -> Verdict:
    """A pass, what differs, or ``not-run`` with the reason why it could not be tried."""

    def ask(keeper: PeerKeeper, folder: Path) -> Verdict:
        case = Case("convert/file/mixed", "A file that a person converted.", (), ("dat",), ("cpu",))
        return _loaded(
            Job(case, "dat", "cpu", "cpu", entries=[], expected_file=file, artifact=file, peer=keeper), items
        )

    return _asked(sum(item.nbytes for item in items), tell, ask)


def verify_optimizer(file: Path, record: OptimizerRecord, sizes: Sequence[int], tell: Tell) -> Verdict:
    """The same for an optimizer's file, whose groups have so many parameters each."""

    def ask(keeper: PeerKeeper, folder: Path) -> Verdict:
        groups = tuple(Group({}, size) for size in sizes)
        training = OptimizerCase(name_in_torch(record.name), groups, steps=0, target="fresh")
        why = "An optimizer's state that a person converted."
        case = Case("convert/optimizer/mixed", why, (), ("optimizer",), ("cpu",), training=training)
        artifact = folder / "again.dat"
        inputs = artifact.with_suffix(".inputs")  # the parameters, for want of a case's bits
        job = Job(case, "optimizer", "cpu", "cpu", entries=[], expected_file=inputs, artifact=artifact, peer=keeper)
        return _optimizer_loaded(OptimizerJob(job), file, record)

    return _asked(_COPIES * file.stat().st_size, tell, ask)


def _asked(size: int, tell: Tell, ask: Callable[[PeerKeeper, Path], Verdict]) -> Verdict:
    """What a peer says that has ``size`` bytes to hold. ``ask`` gets a folder for its files."""
    available = psutil.virtual_memory().available
    if size + _BESIDE_THE_MODEL > available:
        needed = f"TorchSharp would take {(size + _BESIDE_THE_MODEL) / 1e9:.1f} GB of memory"
        return Verdict(Kind.NOT_RUN, f"{needed}, {available / 1e9:.1f} are available")
    try:
        publish = ensure_built(progress=tell)
        with tempfile.TemporaryDirectory(prefix="tscompat-convert-") as name:
            folder = Path(name)
            command, log = inside(publish.folder), folder / "peer.log"
            keeper = PeerKeeper(lambda: Peer(command, log, psutil.virtual_memory().total))
            try:
                return ask(keeper, folder)
            finally:
                keeper.close()
    except PeerDied as died:
        return Verdict(died.kind, died.detail)
    except (BuildError, PeerBroken) as error:
        return Verdict(Kind.NOT_RUN, str(error).partition("\n")[0])


def _loaded(job: Job, items: Sequence[Item]) -> Verdict:
    answer = job.ask("load", "cpu")
    refused = judging.refused(answer, job)
    if refused:
        return refused
    verdict = judging.first(answer["differences"], judging.VALUES)
    if verdict is judging.PASS and answer["digest"] != digest(LazyEntries(items)):
        return Verdict(Kind.BITS, "TorchSharp loaded what is in the file, but that is not what the source holds")
    return verdict


def _optimizer_loaded(optimizer_job: OptimizerJob, file: Path, record: OptimizerRecord) -> Verdict:
    parameters = [Entry(f"parameter.{number}", _like(state)) for number, state in enumerate(record.states)]
    optimizer_job.train("cpu", poisoned(record), parameters, before=[], load=file, save=optimizer_job.again)
    refused = optimizer_job.refused("save")
    if refused:
        return refused
    found = read_optimizer(optimizer_job.memory[0])
    for flat in (flat_options, flat_states):
        verdict = judging.first(compare(flat(record), flat(found)), judging.VALUES)
        if verdict is not judging.PASS:
            return verdict
    return judging.same_file(encode_optimizer(record), optimizer_job.again)


def _like(state: Mapping[str, Value]) -> Tensor:
    """A tensor of a parameter's dtype and shape; any where its state has no tensor."""
    tensors = (value for value in state.values() if isinstance(value, Tensor))
    return next(tensors, Tensor(BY_NAME["f32"], (), bytes(4)))
