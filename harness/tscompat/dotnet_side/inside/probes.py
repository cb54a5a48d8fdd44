"""Probes for the guarantees of cases/guarantee.toml: each tries one on the real TorchSharp and describes what it saw.

May import values. A probe gets the call in progress. It may write to the artifact's path; for some probes, Python has
written the artifact before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import Probe
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor

from .clr import DotnetError, DotnetModule
from .overloads.bridge import load_checkpoint
from .overloads.overload import reader
from .work import Work


class CannotTry(Exception):
    """The probe cannot be tried here; the message has the reason."""


Read = Callable[[DotnetModule], StateDict]
"""Reads a module's state from its memory; the views live as long as the module."""


def save_then_load(work: Work, call: Probe, read: Read) -> str:
    work.module(poison=False).save(call.artifact)
    again = work.module(poison=True)
    again.load(call.artifact)
    return "the same bits" if digest(read(again)) == digest(work.entries) else "other bits"


def load_twice(work: Work, call: Probe, read: Read) -> str:
    """The second file has the complement of the first one's bits."""
    module = work.module(poison=True)
    module.save(call.artifact)
    module.load(call.expected)
    first = digest(read(module)) == digest(work.entries)
    module.load(call.artifact)
    second = digest(read(module)) == digest(read(work.module(poison=True)))
    return "the bits of each" if first and second else "other bits"


def save_moves_to_the_cpu(work: Work, call: Probe, read: Read) -> str:
    module = work.module(poison=False)
    module.save(call.artifact)
    return f"on {work.dotnet.Loading.DeviceOf(module)} after save".replace("on cpu", "on the CPU")


def load_then_move(work: Work, call: Probe, read: Read) -> str:
    module = _on_the_cpu(work)
    module.load(call.expected)
    return _on_the_device(work, work.dotnet.Modules.To(module, call.placement.device), read)


def move_then_load(work: Work, call: Probe, read: Read) -> str:
    module = work.dotnet.Modules.To(_on_the_cpu(work), call.placement.device)
    module.load(call.expected)
    return _on_the_device(work, module, read)


def _on_the_cpu(work: Work) -> DotnetModule:
    return replace(work, placement=msgspec.structs.replace(work.placement, device="cpu")).module(poison=True)


def _on_the_device(work: Work, module: DotnetModule, read: Read) -> str:
    """What the module has where it was moved. Its parameters and buffers are counted as TorchSharp lists them."""
    there = work.dotnet.Loading.DeviceOf(module)
    if there.partition(":")[0] != work.placement.device:
        return f"on {there}"
    listed = len([*module.named_parameters(), *module.named_buffers()])
    if listed != len(work.entries):
        return f"{listed} names of {len(work.entries)} tensors"
    return "the same bits on the device" if digest(read(module)) == digest(work.entries) else "other bits"


def usable_after_save(work: Work, call: Probe, read: Read) -> str:
    module = work.module(poison=False)
    module.save(call.artifact)
    first = Path(call.artifact).read_bytes()
    module.save(call.artifact)
    return "the same file again" if Path(call.artifact).read_bytes() == first else "another file"


def save_over_a_longer_file(work: Work, call: Probe, read: Read) -> str:
    file = Path(call.artifact)
    file.write_bytes(bytes(100_000))
    work.module(poison=False).save(str(file))
    same = file.read_bytes() == Path(call.expected).read_bytes()
    return "the same file" if same else f"a file of {file.stat().st_size} bytes"


def save_leaves_a_stream_open(work: Work, call: Probe, read: Read) -> str:
    return "open" if work.dotnet.Loading.SaveLeavesOpen(work.module(poison=False)) else "closed"


def failed_save_keeps_the_old_file(work: Work, call: Probe, read: Read) -> str:
    """The save fails at the last tensor of the module, which is not contiguous."""
    file = Path(call.artifact)
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


def load_keeps_training_and_gradients(work: Work, call: Probe, read: Read) -> str:
    return _training_and_gradients(work, lambda module: module.load(call.expected))


def _training_and_gradients(work: Work, load: Callable[[DotnetModule], None]) -> str:
    """Load twice, first with training and gradients on, then with both off; describe the module after each load."""
    module = work.module(poison=True)
    seen: list[str] = []
    for training, gradient in ((True, True), (False, False)):
        module.train(training)
        work.dotnet.Loading.RequireGradient(module, gradient)
        load(module)
        seen.append(str(work.dotnet.Loading.TrainingAndGradients(module)))
    return "; ".join(seen)


def exactly_the_same_name(work: Work, call: Probe, read: Read) -> str:
    renamed = [entry._replace(name=entry.name.capitalize()) for entry in work.entries]
    module = work.bag(renamed, poison=True)
    before = digest(read(module))
    try:
        with work.dotnet.errors():
            module.load(call.expected)
    except DotnetError as error:
        refused = "refused" if "Mismatched module state names" in error.message else error.message
        return f"{refused}; {'unchanged' if digest(read(module)) == before else 'changed'}"
    return "accepted"


def names_not_places(work: Work, call: Probe, read: Read) -> str:
    turned = work.bag(work.entries[::-1], poison=True)
    turned.load(call.expected)
    return "the same bits" if digest(read(turned)[::-1]) == digest(work.entries) else "other bits"


def fields_are_registered(work: Work, call: Probe, read: Read) -> str:
    return str(work.dotnet.Fields().Registered)


def python_state_dict_from_the_cpu(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a ``.dat`` file of the state dict that Python saved from the CPU."""
    module = work.module(poison=True)
    module.load(call.artifact)
    return "the same bits" if digest(read(module)) == digest(work.entries) else "other bits"


def save_into_a_missing_folder(work: Work, call: Probe, read: Read) -> str:
    folder = Path(call.artifact).with_suffix(".missing")
    module = work.module(poison=False)
    try:
        with work.dotnet.errors():
            module.save(str(folder / "model.dat"))
    except DotnetError as error:
        named = "the folder is named" if folder.name in error.message else error.message
        return f"refused: {named}, {'something' if folder.exists() else 'nothing'} is there"
    return "accepted"


def read_only_folder(work: Work, call: Probe, read: Read) -> str:
    folder = Path(call.artifact).with_suffix(".read-only")
    folder.mkdir()
    file = folder / "model.dat"
    file.write_bytes(Path(call.expected).read_bytes())
    file.chmod(0o400)
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            raise CannotTry("this system or user writes into read-only folders")
        module = work.module(poison=True)
        module.load(str(file))
        seen = ["loaded" if digest(read(module)) == digest(work.entries) else "other bits"]
        another = str(folder / "another.dat")
        try:
            with work.dotnet.errors():
                module.save(another)
            seen.append("accepted")
        except DotnetError as error:
            seen.append("refused" if another in error.message else error.message)
        same = [each.name for each in folder.iterdir()] == [file.name]
        return "; ".join([*seen, "unchanged" if same else "changed"])
    finally:
        file.chmod(0o600)
        folder.chmod(0o700)


def load_by_reference_refuses_another_dtype(work: Work, call: Probe, read: Read) -> str:
    """A float16 tensor of the same shape has half of the bytes that the float32 file holds."""
    entry = work.entries[0].tensor
    work.dotnet.Extensions.Save(work.tensor(entry, poison=False), call.artifact)
    half = work.tensor(Tensor(BY_NAME["f16"], entry.shape, bytes(2 * entry.numel)), poison=False)
    try:
        with reader(work.dotnet, call.artifact) as made, work.dotnet.errors():
            work.dotnet.Memory.LoadRef(half, made)
    except DotnetError:
        return "refused"
    return "loaded as float16"


def deterministic_algorithms(work: Work, call: Probe, read: Read) -> str:
    try:
        with work.dotnet.errors():
            until = work.dotnet.Torch.use_deterministic_algorithms(True, False)
    except DotnetError as error:
        return f"refused: {error.type_name}"
    until.Dispose()
    return "on"


def pybridge_keeps_training_and_gradients(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a pickle that Python saved."""
    return _training_and_gradients(work, lambda module: work.dotnet.PyBridge.load_py(module, call.artifact))


def pybridge_checkpoint_of_one_file(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a folder with one file that Python saved, and no index."""
    module = work.module(poison=True)
    load_checkpoint(work.dotnet, module, call.artifact)
    return "the same bits" if digest(read(module)) == digest(work.entries) else "other bits"


def pybridge_safetensors_aligned(work: Work, call: Probe, read: Read) -> str:
    """Save names of eight lengths, for headers of eight lengths."""
    first, *others = work.entries
    seen: set[str] = set()
    for length in range(8):
        module = work.bag([first._replace(name=first.name + length * "x"), *others], poison=False)
        work.dotnet.PyBridge.save_safetensors(module, call.artifact)
        rest = int.from_bytes(Path(call.artifact).read_bytes()[:8], "little") % 8  # the header's length
        seen.add(f"{rest} bytes behind a multiple of 8" if rest else "at a multiple of 8")
    return "; ".join(sorted(seen))


def pybridge_safetensors_over_a_longer_file(work: Work, call: Probe, read: Read) -> str:
    file = Path(call.artifact)
    state = work.module(poison=False).state_dict()
    work.dotnet.Safetensors.SaveStateDict(str(file), state)
    alone = file.read_bytes()
    file.write_bytes(bytes(100_000))
    work.dotnet.Safetensors.SaveStateDict(str(file), state)
    return "the same file" if file.read_bytes() == alone else f"a file of {file.stat().st_size} bytes"


PROBES: dict[str, Callable[[Work, Probe, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(save_then_load, load_twice, save_moves_to_the_cpu, load_then_move, move_then_load),
        *(usable_after_save, save_over_a_longer_file),
        *(save_leaves_a_stream_open, failed_save_keeps_the_old_file, load_keeps_training_and_gradients),
        *(exactly_the_same_name, names_not_places, fields_are_registered, python_state_dict_from_the_cpu),
        *(save_into_a_missing_folder, read_only_folder),
        *(load_by_reference_refuses_another_dtype, deterministic_algorithms, pybridge_keeps_training_and_gradients),
        *(pybridge_safetensors_aligned, pybridge_safetensors_over_a_longer_file),
    )
} | dict.fromkeys(
    ("pybridge-checkpoint-of-one-pickle", "pybridge-checkpoint-of-one-safetensors"), pybridge_checkpoint_of_one_file
)
