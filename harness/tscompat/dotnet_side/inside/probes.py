"""Probes for the guarantees of cases/guarantee.toml: each tries one on the real TorchSharp and says what it saw.

Imports nothing but its neighbours. A probe is given the call in progress; the artifact is a path that it may write to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tscompat.dotnet_side.digest import digest
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, Tensor

from .clr import DotnetError, DotnetModule
from .overloads.bridge import load_checkpoint
from .overloads.overload import reader
from .work import Work


class Unable(Exception):
    """The probe cannot be tried here: says why."""


Read = Callable[[DotnetModule], StateDict]
"""Reads a module's state from its memory; the views live as long as the module."""


def save_then_load(work: Work, read: Read) -> str:
    work.module(poison=False).save(work.description.artifact)
    again = work.module(poison=True)
    again.load(work.description.artifact)
    return "the same bits" if digest(read(again)) == digest(work.entries) else "other bits"


def save_moves_to_the_cpu(work: Work, read: Read) -> str:
    module = work.module(poison=False)
    module.save(work.description.artifact)
    return f"on {work.dotnet.Loading.DeviceOf(module)} after save".replace("on cpu", "on the CPU")


def load_then_move(work: Work, read: Read) -> str:
    module = work.module(poison=True)
    module.load(work.description.expected_file)
    moved = work.dotnet.Modules.To(module, work.description.device)
    return "the same bits on the device" if digest(read(moved)) == digest(work.entries) else "other bits"


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
    same = file.read_bytes() == Path(work.description.expected_file).read_bytes()
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
    return _training_and_gradients(work, lambda module: module.load(work.description.expected_file))


def _training_and_gradients(work: Work, load: Callable[[DotnetModule], None]) -> str:
    """What a module is like after it was loaded into as it trained, and as it did not."""
    module = work.module(poison=True)
    seen: list[str] = []
    for training, gradient in ((True, True), (False, False)):
        module.train(training)
        work.dotnet.Loading.RequireGradient(module, gradient)
        load(module)
        seen.append(str(work.dotnet.Loading.TrainingAndGradients(module)))
    return "; ".join(seen)


def exactly_the_same_name(work: Work, read: Read) -> str:
    renamed = [entry._replace(name=entry.name.capitalize()) for entry in work.entries]
    module = work.bag_of(renamed, poison=True)
    try:
        with work.dotnet.errors():
            module.load(work.description.expected_file)
    except DotnetError as error:
        return "refused" if "Mismatched module state names" in error.message else error.message
    return "accepted"


def names_not_places(work: Work, read: Read) -> str:
    turned = work.bag_of(work.entries[::-1], poison=True)
    turned.load(work.description.expected_file)
    return "the same bits" if digest(read(turned)[::-1]) == digest(work.entries) else "other bits"


def fields_are_registered(work: Work, read: Read) -> str:
    return str(work.dotnet.Fields().Registered)


def python_state_dict_from_the_cpu(work: Work, read: Read) -> str:
    """What Python saved stands in the artifact."""
    module = work.module(poison=True)
    module.load(work.description.artifact)
    return "the same bits" if digest(read(module)) == digest(work.entries) else "other bits"


def save_into_a_missing_folder(work: Work, read: Read) -> str:
    folder = Path(work.description.artifact).with_suffix(".missing")
    module = work.module(poison=False)
    try:
        with work.dotnet.errors():
            module.save(str(folder / "model.dat"))
    except DotnetError as error:
        named = "the folder is named" if folder.name in error.message else error.message
        return f"refused: {named}, {'something' if folder.exists() else 'nothing'} is there"
    return "accepted"


def read_only_folder(work: Work, read: Read) -> str:
    folder = Path(work.description.artifact).with_suffix(".read-only")
    folder.mkdir()
    file = folder / "model.dat"
    file.write_bytes(Path(work.description.expected_file).read_bytes())
    file.chmod(0o400)
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            raise Unable("this system or user writes into read-only folders")
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


def load_by_reference_refuses_another_dtype(work: Work, read: Read) -> str:
    """A float16 tensor of the same shape has half of the bytes that the float32 file holds."""
    entry = work.entries[0].tensor
    work.dotnet.Extensions.Save(work.tensor(entry, poison=False), work.description.artifact)
    half = work.tensor(Tensor(BY_NAME["f16"], entry.shape, bytes(2 * entry.numel)), poison=False)
    try:
        with reader(work) as made, work.dotnet.errors():
            work.dotnet.Memory.LoadRef(half, made)
    except DotnetError:
        return "refused"
    return "loaded as float16"


def pybridge_keeps_training_and_gradients(work: Work, read: Read) -> str:
    """What Python pickled stands in the artifact."""
    return _training_and_gradients(work, lambda module: work.dotnet.PyBridge.load_py(module, work.description.artifact))


def pybridge_checkpoint_of_one_file(work: Work, read: Read) -> str:
    """The artifact is a folder with what Python saved."""
    module = work.module(poison=True)
    load_checkpoint(work, module)
    return "the same bits" if digest(read(module)) == digest(work.entries) else "other bits"


def pybridge_safetensors_aligned(work: Work, read: Read) -> str:
    """Names of eight lengths make headers of eight lengths."""
    first, *others = work.entries
    seen: set[str] = set()
    for length in range(8):
        module = work.bag_of([first._replace(name=first.name + length * "x"), *others], poison=False)
        work.dotnet.PyBridge.save_safetensors(module, work.description.artifact)
        rest = int.from_bytes(Path(work.description.artifact).read_bytes()[:8], "little") % 8  # the header's length
        seen.add(f"{rest} bytes behind a multiple of 8" if rest else "at a multiple of 8")
    return "; ".join(sorted(seen))


def pybridge_safetensors_over_a_longer_file(work: Work, read: Read) -> str:
    file = Path(work.description.artifact)
    state = work.module(poison=False).state_dict()
    work.dotnet.Safetensors.SaveStateDict(str(file), state)
    alone = file.read_bytes()
    file.write_bytes(bytes(100_000))
    work.dotnet.Safetensors.SaveStateDict(str(file), state)
    return "the same file" if file.read_bytes() == alone else f"a file of {file.stat().st_size} bytes"


PROBES: dict[str, Callable[[Work, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(save_then_load, save_moves_to_the_cpu, load_then_move, usable_after_save, save_over_a_longer_file),
        *(save_leaves_a_stream_open, failed_save_keeps_the_old_file, load_keeps_training_and_gradients),
        *(exactly_the_same_name, names_not_places, fields_are_registered, python_state_dict_from_the_cpu),
        *(save_into_a_missing_folder, read_only_folder),
        *(load_by_reference_refuses_another_dtype, pybridge_keeps_training_and_gradients),
        *(pybridge_safetensors_aligned, pybridge_safetensors_over_a_longer_file),
    )
} | dict.fromkeys(
    ("pybridge-checkpoint-of-one-pickle", "pybridge-checkpoint-of-one-safetensors"), pybridge_checkpoint_of_one_file
)
