"""Probes for guarantees of TorchSharp.PyBridge: skip lists, options of load_checkpoint. May import values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import Probe
from tscompat.values.tensors import Entry, Tensor

from .clr import DotnetError
from .probes import Read
from .snapshots import snapshot
from .work import Work


def pybridge_skip_on_save(work: Work, call: Probe, read: Read) -> str:
    """Skip the last entry, and load the file into a module without it."""
    *kept, skipped = work.entries
    seen: list[str] = []
    for name, pickle in (("pickle", True), ("safetensors", False)):
        work.dotnet.Bridging.SaveSkipping(work.module(poison=False), call.artifact, skipped.name, pickle)
        module = work.bag(kept, poison=True)
        load = work.dotnet.PyBridge.load_py if pickle else work.dotnet.PyBridge.load_safetensors
        load(module, call.artifact)
        seen.append(f"{name}: {'the others' if digest(read(module)) == digest(kept) else 'other bits'}")
    return "; ".join(seen)


def pybridge_pickler_over_a_longer_file(work: Work, call: Probe, read: Read) -> str:
    file, module = Path(call.artifact), work.module(poison=False)
    work.dotnet.Bridging.Pickle(module, str(file))
    alone = file.stat().st_size
    file.write_bytes(bytes(100_000))
    work.dotnet.Bridging.Pickle(module, str(file))
    size = file.stat().st_size
    return "a file of the same size" if size == alone else f"a file of {size} bytes"


def pybridge_safetensors_keys_to_keep(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a safetensors file of all entries; only the last one is asked for."""
    last = work.entries[-1]
    with snapshot(work.dotnet, work.watch, work.dotnet.Bridging.Keep(call.artifact, last.name)) as (_, found):
        return "only that entry" if digest(found) == digest([last]) else ", ".join(entry.name for entry in found)


def pybridge_checkpoint_by_name(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a folder with a file of an unusual name."""
    module = work.module(poison=True)
    work.dotnet.Bridging.LoadSome(module, call.artifact, "other.safetensors")
    return "the same bits" if digest(read(module)) == digest(work.entries) else "other bits"


def pybridge_checkpoint_not_strict(work: Work, call: Probe, read: Read) -> str:
    """The artifact has two shards; the module lacks the last entry and has another one."""
    *kept, last = work.entries
    module = work.bag([*kept, last._replace(name="extra")], poison=True)
    report = str(work.dotnet.Bridging.LoadSome(module, call.artifact, None))
    pairs = zip(read(module), work.entries, strict=True)
    loaded = [name for (name, tensor), (_, expected) in pairs if _same(tensor, expected)]
    return f"{', '.join(loaded)} loaded; {report}"


def pybridge_checkpoint_skips_an_array(work: Work, call: Probe, read: Read) -> str:
    """The same, with an array that names one entry to skip."""
    *kept, last = work.entries
    module = work.bag([*kept, last._replace(name="extra")], poison=True)
    try:
        with work.dotnet.errors():
            work.dotnet.Bridging.LoadSkippingArray(module, call.artifact, "nothing")
    except DotnetError as error:
        return f"refused: {error.message}"
    return "accepted"


def pybridge_streams(work: Work, call: Probe, read: Read) -> str:
    return str(work.dotnet.Bridging.LeaveOpen(work.module(poison=False)))


def _same(found: Tensor, expected: Tensor) -> bool:
    return digest([Entry("", found)]) == digest([Entry("", expected)])


PROBES: dict[str, Callable[[Work, Probe, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(pybridge_skip_on_save, pybridge_pickler_over_a_longer_file, pybridge_safetensors_keys_to_keep),
        *(pybridge_checkpoint_by_name, pybridge_checkpoint_not_strict, pybridge_checkpoint_skips_an_array),
        pybridge_streams,
    )
}
