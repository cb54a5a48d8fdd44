"""Probes for the promises of cases/promise.toml: each tries one on the real TorchSharp and says what it saw.

Imports nothing but its neighbours. A probe is given the call in progress; the artifact is a path that it may write to.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tscompat.dtypes import BY_NAME
from tscompat.peer.receipt import receipt
from tscompat.tensors import StateDict, Tensor

from .clr import DotnetError, DotnetModule
from .work import Work

Read = Callable[[DotnetModule], StateDict]
"""Reads a module's state from its memory; the views live as long as the module."""


def save_then_load(work: Work, read: Read) -> str:
    work.module(poison=False).save(work.description.artifact)
    again = work.module(poison=True)
    again.load(work.description.artifact)
    return "the same bits" if receipt(read(again)) == receipt(work.entries) else "other bits"


def save_moves_to_the_cpu(work: Work, read: Read) -> str:
    module = work.module(poison=False)
    module.save(work.description.artifact)
    return f"on {work.dotnet.Loading.DeviceOf(module)} after save".replace("on cpu", "on the CPU")


def load_then_move(work: Work, read: Read) -> str:
    module = work.module(poison=True)
    module.load(work.description.envelope)
    moved = work.dotnet.Modules.To(module, work.description.device)
    return "the same bits on the device" if receipt(read(moved)) == receipt(work.entries) else "other bits"


def usable_after_save(work: Work, read: Read) -> str:
    module = work.module(poison=False)
    module.save(work.description.artifact)
    first = Path(work.description.artifact).read_bytes()
    module.save(work.description.artifact)
    return "the same file again" if Path(work.description.artifact).read_bytes() == first else "another file"


def save_over_a_longer_file(work: Work, read: Read) -> str:
    file = Path(work.description.artifact)
    file.write_bytes(bytes(100_000))
    work.module(poison=False).save(str(file))
    same = file.read_bytes() == Path(work.description.envelope).read_bytes()
    return "the same file" if same else f"a file of {file.stat().st_size} bytes"


def save_leaves_a_stream_open(work: Work, read: Read) -> str:
    return "open" if work.dotnet.Loading.SaveLeavesOpen(work.module(poison=False)) else "closed"


def failed_save_keeps_the_old_file(work: Work, read: Read) -> str:
    """What cannot be saved is a tensor that is not contiguous, the last one of the module."""
    file = Path(work.description.artifact)
    module = work.module(poison=False)
    module.save(str(file))
    old = file.read_bytes()
    work.dotnet.Loading.AddUnsavable(module)
    try:
        with work.dotnet.errors():
            module.save(str(file))
    except DotnetError:
        return "the old file is there" if file.read_bytes() == old else "the old file is gone"
    return "nothing failed"


def load_keeps_training_and_gradients(work: Work, read: Read) -> str:
    module = work.module(poison=True)
    seen: list[str] = []
    for training, gradient in ((True, True), (False, False)):
        module.train(training)
        work.dotnet.Loading.RequireGradient(module, gradient)
        module.load(work.description.envelope)
        seen.append(str(work.dotnet.Loading.Mood(module)))
    return "; ".join(seen)


def load_by_reference_refuses_another_dtype(work: Work, read: Read) -> str:
    """A float16 tensor of the same shape has half of the bytes that the float32 file holds."""
    entry = work.entries[0].tensor
    work.dotnet.Extensions.Save(work.tensor(entry, poison=False), work.description.artifact)
    half = work.tensor(Tensor(BY_NAME["f16"], entry.shape, bytes(2 * entry.numel)), poison=False)
    reader = work.dotnet.IO.BinaryReader(work.dotnet.IO.File.OpenRead(work.description.artifact))
    try:
        with work.dotnet.errors():
            work.dotnet.Memory.LoadRef(half, reader)
    except DotnetError:
        return "refused"
    finally:
        reader.Dispose()
    return "loaded as float16"


PROBES: dict[str, Callable[[Work, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(save_then_load, save_moves_to_the_cpu, load_then_move, usable_after_save, save_over_a_longer_file),
        *(save_leaves_a_stream_open, failed_save_keeps_the_old_file, load_keeps_training_and_gradients),
        load_by_reference_refuses_another_dtype,
    )
}
