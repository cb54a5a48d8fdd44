"""Probes for the promises of cases/promise.toml: each tries one on the real TorchSharp and says what it saw.

Imports nothing but its neighbours. A probe is given the call in progress; the artifact is a path that it may write to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tscompat.peer.receipt import receipt
from tscompat.tensors import StateDict

from .clr import DotnetError, DotnetModule
from .work import Work


class Unable(Exception):
    """The probe cannot be tried here: says why."""


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


def exactly_the_same_name(work: Work, read: Read) -> str:
    renamed = [entry._replace(name=entry.name.capitalize()) for entry in work.entries]
    try:
        with work.dotnet.errors():
            work.bag_of(renamed, poison=True).load(work.description.envelope)
    except DotnetError:
        return "refused"
    return "accepted"


def names_not_places(work: Work, read: Read) -> str:
    turned = work.bag_of(work.entries[::-1], poison=True)
    turned.load(work.description.envelope)
    return "the same bits" if receipt(read(turned)[::-1]) == receipt(work.entries) else "other bits"


def fields_are_registered(work: Work, read: Read) -> str:
    return str(work.dotnet.Fields().Registered)


def python_state_dict_from_the_cpu(work: Work, read: Read) -> str:
    """What Python saved stands in the artifact."""
    module = work.module(poison=True)
    module.load(work.description.artifact)
    return "the same bits" if receipt(read(module)) == receipt(work.entries) else "other bits"


def save_into_a_missing_folder(work: Work, read: Read) -> str:
    folder = Path(work.description.artifact).with_suffix(".missing")
    try:
        with work.dotnet.errors():
            work.module(poison=False).save(str(folder / "model.dat"))
    except DotnetError as error:
        named = "the folder is named" if folder.name in error.message else error.message
        return f"refused: {named}, {'something' if folder.exists() else 'nothing'} is there"
    return "accepted"


def read_only_folder(work: Work, read: Read) -> str:
    folder = Path(work.description.artifact).with_suffix(".read-only")
    folder.mkdir()
    file = folder / "model.dat"
    file.write_bytes(Path(work.description.envelope).read_bytes())
    file.chmod(0o400)
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            raise Unable("this user may write to every folder")
        module = work.module(poison=True)
        module.load(str(file))
        seen = ["loaded" if receipt(read(module)) == receipt(work.entries) else "other bits"]
        try:
            with work.dotnet.errors():
                work.module(poison=False).save(str(folder / "another.dat"))
            seen.append("accepted")
        except DotnetError:
            seen.append("refused")
        same = [each.name for each in folder.iterdir()] == [file.name]
        return "; ".join([*seen, "unchanged" if same else "changed"])
    finally:
        folder.chmod(0o700)


def pybridge_keeps_training_and_gradients(work: Work, read: Read) -> str:
    """What Python saved stands in the artifact."""
    module = work.module(poison=True)
    seen: list[str] = []
    for training, gradient in ((True, True), (False, False)):
        module.train(training)
        work.dotnet.Loading.RequireGradient(module, gradient)
        work.dotnet.PyBridge.load_py(module, work.description.artifact)
        seen.append(str(work.dotnet.Loading.Mood(module)))
    return "; ".join(seen)


PROBES: dict[str, Callable[[Work, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(save_then_load, save_moves_to_the_cpu, load_then_move, usable_after_save, save_over_a_longer_file),
        *(save_leaves_a_stream_open, failed_save_keeps_the_old_file, load_keeps_training_and_gradients),
        *(exactly_the_same_name, names_not_places, fields_are_registered, python_state_dict_from_the_cpu),
        *(save_into_a_missing_folder, read_only_folder, pybridge_keeps_training_and_gradients),
    )
}
