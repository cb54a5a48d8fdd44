"""From what a peer answered or a file holds to verdicts, for all overloads. May import bits, peer, tensors, verdict."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Buffer

from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.process import PeerBroken
from tscompat.values.compare import Difference, compare, same_bytes
from tscompat.values.tensors import StateDict
from tscompat.values.verdict import Kind, Verdict

from .route import Job, is_identity

PASS = Verdict(Kind.PASS)


def refused(answer: dict[str, Any], job: Job) -> Verdict | None:
    """The verdict if .NET threw an exception; None if it did not."""
    if "error" not in answer:
        return None
    return Verdict(Kind.REFUSED, without_paths(": ".join(answer["error"]), job))


def raised(error: Exception, job: Job) -> str:
    """What Python raised, as .NET's exceptions are told: its type and its message."""
    return without_paths(f"{type(error).__name__}: {str(error).strip()}", job)


def unreadable(error: Exception, job: Job) -> Verdict:
    """The verdict of a file that Python does not read."""
    return Verdict(Kind.BYTES, f"unreadable: {raised(error, job)}")


def without_paths(message: str, job: Job) -> str:
    """The first line of an exception's message (libtorch's go on with a stack trace), without this run's paths."""
    message = message.strip().partition("\n")[0]
    for path in (job.artifact, job.expected_file):
        message = message.replace(str(path), path.name)
    return message


def first(differences: Iterable[Difference | list[str]], only: set[Kind]) -> Verdict:
    """The first difference of these kinds as a verdict; a pass if there is none."""
    for kind, detail in differences:
        if Kind(kind) in only:
            return Verdict(Kind(kind), detail)
    return PASS


VALUES = {Kind.NAMES, Kind.DTYPE, Kind.SHAPE, Kind.BITS}


def loaded(answer: dict[str, Any], job: Job) -> Verdict:
    """What .NET's memory held after a load. Raises PeerBroken for a pass without the digest that only a reader has."""
    verdict = first(answer["differences"], VALUES)
    if verdict is PASS and answer["digest"] != digest(job.entries):
        raise PeerBroken("the peer reports no difference, but its digest is not that of the case's bits")
    return verdict


def arrived(answer: dict[str, Any], job: Job) -> dict[str, Verdict]:
    """What a load brought: ``bits`` and ``quantizer``, or for both that .NET refused it."""
    failed = refused(answer, job)
    if failed:
        return {"bits": failed, "quantizer": failed}
    return {"bits": loaded(answer, job), "quantizer": quantizer(answer["quantizer"], job)}


def held(entries: StateDict, job: Job, only: set[Kind] = VALUES) -> Verdict:
    """What a file or a torch module held, against the case's bits."""
    return first(compare(job.entries, entries, identity=is_identity(job.case)), only)


def quantizer(found: Sequence[float] | None, job: Job) -> Verdict:
    """Whether scale and zero point survived; None is a quantized tensor without any."""
    due = job.case.quantizer
    if found is not None and tuple(found) == due:
        return PASS
    became = "were lost" if found is None else "became scale {} and zero point {:.0f}".format(*found)
    return Verdict(Kind.BITS, f"scale {due.scale} and zero point {due.zero_point} {became}")


def same_file(expected: Iterable[Buffer], file: Path) -> Verdict:
    """Whether a file holds these very bytes; if not, the offset of the first that differs."""
    with file.open("rb") as stream:
        size = file.stat().st_size
        found = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
    offset = 0
    for chunk in map(memoryview, expected):
        due = chunk.cast("B") if chunk.nbytes else memoryview(b"")
        there = found[offset : offset + due.nbytes]
        if not same_bytes(due, there):
            first = next((i for i, (a, b) in enumerate(zip(due, there, strict=False)) if a != b), there.nbytes)
            what = f"found 0x{there[first]:02x}" if first < there.nbytes else "the file ends there"
            return Verdict(Kind.BYTES, f"byte {offset + first}: expected 0x{due[first]:02x}, {what}")
        offset += due.nbytes
    if offset < size:
        return Verdict(Kind.BYTES, f"{size - offset} bytes too many after byte {offset}")
    return PASS
