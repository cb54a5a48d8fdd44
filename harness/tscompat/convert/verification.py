"""Has the real TorchSharp load a .dat, and compares what is in its memory. Imports peer, routes, verdict, neighbours.

``Module.load`` loads the file into a module with its names, filled with the complement of its bits. The peer compares
.NET's memory with the file, we its receipt with the source: what the reader and the writer did is verified as well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from tscompat.catalogue import Case
from tscompat.peer.build import ensure_built
from tscompat.peer.errors import BuildError
from tscompat.peer.process import Peer, PeerBroken, PeerDied, PeerKeeper, inside
from tscompat.peer.receipt import receipt
from tscompat.routes import Job, judging
from tscompat.verdict import Kind, Verdict

from .item import Item, Lazily, Tell

_BESIDE_THE_MODEL = 10**9
"""Bytes of memory that a peer takes for itself."""


def verify(file: Path, items: Sequence[Item], tell: Tell) -> Verdict:
    """A pass, what differs, or ``not-run`` with the reason why it could not be tried."""
    size = sum(item.nbytes for item in items)
    available = psutil.virtual_memory().available
    if size + _BESIDE_THE_MODEL > available:
        needed = f"TorchSharp would take {(size + _BESIDE_THE_MODEL) / 1e9:.1f} GB of memory"
        return Verdict(Kind.NOT_RUN, f"{needed}, {available / 1e9:.1f} are available")
    try:
        publish = ensure_built(progress=tell)
        with tempfile.TemporaryDirectory(prefix="tscompat-convert-") as folder:
            command, log = inside(publish.folder), Path(folder, "peer.log")
            keeper = PeerKeeper(lambda: Peer(command, log, psutil.virtual_memory().total))
            try:
                return _ask(_job(file, keeper), items)
            finally:
                keeper.close()
    except (BuildError, PeerBroken) as error:
        return Verdict(Kind.NOT_RUN, str(error).partition("\n")[0])


def _job(file: Path, keeper: PeerKeeper) -> Job:
    case = Case("convert/file/mixed", "A file that a person converted.", (), ("dat",), ("cpu",))
    return Job(case, "dat", "cpu", "cpu", entries=[], envelope=file, artifact=file, peer=keeper)


def _ask(job: Job, items: Sequence[Item]) -> Verdict:
    try:
        answer = job.ask("load", "cpu")
    except PeerDied as died:
        return Verdict(died.kind, died.detail)
    refused = judging.refused(answer, job)
    if refused:
        return refused
    verdict = judging.worst(answer["differences"], judging.VALUES)
    if verdict is judging.PASS and answer["receipt"] != receipt(Lazily(items)):
        return Verdict(Kind.BITS, "TorchSharp loaded what is in the file, but that is not what the source holds")
    return verdict
