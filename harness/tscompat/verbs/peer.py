"""A peer for a verb: started with the TorchSharp that was chosen, in a folder for files, and what its answers mean.

May import values, resources, dotnet_side, files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tscompat.dotnet_side import messages
from tscompat.dotnet_side.choice import Choice, choices, one_of
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.errors import BuildError, PeerBroken, PeerDied
from tscompat.dotnet_side.messages import Thrown
from tscompat.dotnet_side.process import Peer, PeerKeeper, inside
from tscompat.dotnet_side.replacement import chosen
from tscompat.files.item import Item, LazyEntries, ModelFileError, Tell
from tscompat.resources.memory import available_memory, total_memory
from tscompat.values.compare import first
from tscompat.values.verdict import PASS, Kind, Verdict

_BESIDE_THE_MODEL = 10**9
"""Bytes of memory that a peer takes beside the model."""
_SECONDS_PER_BYTE = 1e-7
"""What each byte of the file adds to the deadline of a call; ten times what TorchSharp took where it was measured."""
_LOGGED = 3
"""Lines of a dead peer's log."""
ON_THE_CPU = messages.contiguous("cpu")
FLAT = messages.Bag(buffers=(), tied={}, transient=(), nested=False, reversed=False, varied=False)


class NoPeer(Exception):
    """No peer can be had, for this reason."""


def choice_of(
    *,
    torchsharp: Sequence[str] = (),
    libtorch: Sequence[str] = (),
    nuget_source: str = "",
    torchsharp_dll: str = "",
    native: str = "",
) -> Choice:
    """The TorchSharp that these options choose. Raises ModelFileError for options that do not go together."""
    try:
        choice = one_of(
            choices(
                torchsharp=torchsharp,
                libtorch=libtorch,
                nuget_source=nuget_source,
                torchsharp_dll=torchsharp_dll,
                native=native,
            )
        )
    except BuildError as error:
        raise ModelFileError(str(error)) from error
    assert choice
    return choice


@contextmanager
def peer_for(size: int, choice: Choice, tell: Tell) -> Generator[tuple[PeerKeeper, Path]]:
    """A peer that has room for ``size`` bytes of tensors, and a folder for files, which is removed at the end.

    Raises NoPeer if the memory does not suffice, or no peer can be started or answer; PeerDied if it dies in a call.
    """
    available = available_memory()
    if size + _BESIDE_THE_MODEL > available:
        needed = f"TorchSharp would take {(size + _BESIDE_THE_MODEL) / 1e9:.1f} GB of memory"
        raise NoPeer(f"{needed}, {available / 1e9:.1f} are available")
    try:
        publish = chosen(choice, progress=tell)
        with tempfile.TemporaryDirectory(prefix="tscompat-") as name:
            folder = Path(name)
            command, log = inside(publish.folder), folder / "peer.log"
            peer = PeerKeeper(lambda: Peer(command, log, total_memory()))
            try:
                yield peer, folder
            finally:
                peer.close()
    except (BuildError, PeerBroken) as error:
        raise NoPeer(str(error).partition("\n")[0]) from error


def seconds_for(size: int) -> float:
    """The deadline of a call about a file of so many bytes."""
    return 60 + _SECONDS_PER_BYTE * size


def last_words(died: PeerDied) -> str:
    """How a peer died, and the first lines that it logged in its last call: .NET's own message, if there is one."""
    how = died.detail.replace("the peer", "its process")
    if died.kind is Kind.TIMEOUT:
        how += ": it does not end, or waits for something that does not come"
    elif "exit code" in how:
        how += ", as after Environment.Exit"
    lines = [line.strip() for line in died.log.splitlines() if line.strip(" -")]
    return ": ".join([how, *([" ".join(lines[:_LOGGED])] if lines else [])])


def refused(thrown: Thrown) -> Verdict:
    """The verdict of what .NET threw."""
    return Verdict(Kind.REFUSED, f"{thrown.type_name}: {thrown.message}".removeprefix(": ").strip().partition("\n")[0])


def loaded(answer: messages.Loaded | Thrown, items: Sequence[Item]) -> Verdict:
    """The verdict of a load: .NET's memory against the expected file, and the digest of it against the source."""
    if isinstance(answer, Thrown):
        return refused(answer)
    verdict = first(answer.differences)
    if verdict is PASS and answer.digest != digest(LazyEntries(items)):
        return Verdict(Kind.BITS, "TorchSharp loaded the file's bits, but they are not the source's")
    return verdict
