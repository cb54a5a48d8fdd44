"""Probes for guarantees of bytes and numbers: streams, buffers, casts, generators. May import values, codec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tscompat.codec import read_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import Probe
from tscompat.values.compare import compare, first
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor

from .clr import DotnetError
from .probes import Read
from .snapshots import snapshot
from .work import Work


def bytes_in_pieces(work: Work, call: Probe, read: Read) -> str:
    """Pieces of one byte, of sizes that do not divide an element, of the whole, and of more."""
    entry = work.entries[0].tensor
    for piece in (1, 3, 7, entry.nbytes, 1 << 20):
        target = work.tensor(entry, poison=True)
        work.dotnet.Buffers.Write(work.tensor(entry, poison=False), call.artifact, piece)
        if Path(call.artifact).read_bytes() != bytes(entry.data):
            return f"WriteBytesToStream: other bytes in pieces of {piece}"
        work.dotnet.Buffers.Read(target, call.artifact, piece)
        if not _holds(work, target, entry):
            return f"ReadBytesFromStream: other bits in pieces of {piece}"
    return "the same bits"


def bytes_of_a_tensor(work: Work, call: Probe, read: Read) -> str:
    """Get the bytes, set them, and set too few."""
    entry = work.entries[0].tensor
    target = work.tensor(entry, poison=True)
    work.dotnet.Buffers.WriteProperty(work.tensor(entry, poison=False), call.artifact)
    got = "the same bits" if Path(call.artifact).read_bytes() == bytes(entry.data) else "other bits"
    work.dotnet.Buffers.ReadProperty(target, call.artifact)
    put = "the same bits" if _holds(work, target, entry) else "other bits"
    Path(call.artifact).write_bytes(bytes(entry.data)[1:])
    try:
        with work.dotnet.errors():
            work.dotnet.Buffers.ReadProperty(target, call.artifact)
    except DotnetError as error:
        return f"{got}; {put}; {'refused' if 'data sizes' in error.message else error.message}"
    return f"{got}; {put}; accepted"


def frombuffer_reads_bytes(work: Work, call: Probe, read: Read) -> str:
    """The artifact has the bytes of the first tensor."""
    entry = work.entries[0].tensor
    return _described(work, work.dotnet.Buffers.FromBytes(call.artifact, entry.dtype.code), entry)


def frombuffer_skips_bytes(work: Work, call: Probe, read: Read) -> str:
    """The same file, without the first eight bytes."""
    entry = work.entries[0].tensor
    rest = Tensor(entry.dtype, (entry.numel - 2,), bytes(entry.data)[8:])
    return _described(work, work.dotnet.Buffers.FromFloats(call.artifact, 8), rest)


def frombuffer_shares_memory(work: Work, call: Probe, read: Read) -> str:
    return "shared" if work.dotnet.Buffers.Shares() else "not shared"


def from_file(work: Work, call: Probe, read: Read) -> str:
    """The artifact has the bytes of the first tensor. Load it, and change the tensor: with and without ``shared``."""
    entry = work.entries[0].tensor
    seen: list[str] = []
    for shared in (False, True):
        made = work.dotnet.Buffers.FromFile(call.artifact, shared, entry.numel, entry.dtype.code)
        described = _described(work, made, entry)
        made.zero_()
        changed = "changed" if Path(call.artifact).read_bytes() != bytes(entry.data) else "as it was"
        seen.append(f"{described}, the file is {changed}")
    return "; ".join(seen)


def tensors_of_byte_arrays(work: Work, call: Probe, read: Read) -> str:
    """The artifact has the bytes of the only tensor, which is of u8."""
    entry = work.entries[0].tensor
    made = list(work.dotnet.Buffers.OfBytes(call.artifact))
    return f"{sum(_holds(work, each, entry, flat=True) for each in made)} of {len(made)} have the same bits"


def accessors_follow_strides(work: Work, call: Probe, read: Read) -> str:
    return str(work.dotnet.Buffers.Copied())


def storage_to_array(work: Work, call: Probe, read: Read) -> str:
    return str(work.dotnet.Buffers.StorageOf())


def casts_round_as_pytorch(work: Work, call: Probe, read: Read) -> str:
    """The artifact has tensors, and after each the results of ``to`` of PyTorch, named "SOURCE to TARGET"."""
    entries = dict(read_state_dict(call.artifact))
    wrong: list[str] = []
    for name, expected in entries.items():
        source, _, target = name.partition(" to ")
        if target:
            cast = work.dotnet.Buffers.Cast(work.tensor(entries[source], poison=False), BY_NAME[target].code)
            with snapshot(work.dotnet, work.watch, cast) as (_, ((_, found),)):
                verdict = first(compare([Entry(name, expected)], [Entry(name, found)]))
                wrong += [verdict.detail] if verdict.detail else []
    return "; ".join(wrong) or "the same bits"


def generator_state(work: Work, call: Probe, read: Read) -> str:
    """The artifact has a seed, the state of PyTorch's generator after as many numbers, and the numbers that follow."""
    given = dict(read_state_dict(call.artifact))
    count, seed = given["numbers"].numel, int.from_bytes(bytes(given["seed"].data), "little")
    seen: list[str] = []
    for name, everywhere in (("a generator", False), ("the default one", True)):
        state = work.tensor(given["state"], poison=False)
        numbers = work.dotnet.Buffers.Random(state, count, everywhere)
        after = work.dotnet.Buffers.StateAfter(seed, count, everywhere)
        drawn = "the same numbers" if _holds(work, numbers, given["numbers"]) else "other numbers"
        kept = "the same state" if _holds(work, after, given["state"]) else "another state"
        seen.append(f"{name}: {drawn}, {kept}")
    return "; ".join(seen)


def _holds(work: Work, held: Any, expected: Tensor, *, flat: bool = False) -> bool:
    with snapshot(work.dotnet, work.watch, held) as (_, ((_, found),)):
        shaped = found._replace(shape=expected.shape) if flat else found
        return digest([Entry("", shaped)]) == digest([Entry("", expected)])


def _described(work: Work, held: Any, expected: Tensor) -> str:
    """ "the same bits", or the dtype and the number of elements, of a tensor of one dimension."""
    if _holds(work, held, expected._replace(shape=(expected.numel,))):
        return "the same bits"
    with snapshot(work.dotnet, work.watch, held) as (_, ((_, found),)):
        return f"{found.numel} other elements of {found.dtype.name}"


PROBES: dict[str, Callable[[Work, Probe, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(bytes_in_pieces, bytes_of_a_tensor, frombuffer_reads_bytes, frombuffer_skips_bytes, frombuffer_shares_memory),
        *(from_file, tensors_of_byte_arrays, accessors_follow_strides, storage_to_array),
        *(casts_round_as_pytorch, generator_state),
    )
}
