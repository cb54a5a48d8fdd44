"""Probes for guarantees of state dicts: skip lists, scripts, files of weights.

May import values, resources, codec.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import Probe
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict, Tensor

from .clr import DotnetError
from .overloads.overload import reader, writer
from .probes import Read
from .work import Work, address


def skip_on_save(work: Work, call: Probe, read: Read) -> str:
    """Skip the last entry, by each overload of save."""
    *kept, skipped = work.entries
    expected = b"".join(map(bytes, encode_state_dict(kept)))
    seen: list[str] = []
    for given_as in ("path", "stream", "writer", "dict"):
        work.dotnet.StateDicts.SaveSkipping(work.module(poison=False), given_as, call.artifact, skipped.name)
        same = Path(call.artifact).read_bytes() == expected
        seen.append(f"{given_as}: {'the others' if same else 'another file'}")
    return "; ".join(seen)


def load_state_dict_lists(work: Work, call: Probe, read: Read) -> str:
    """The source lacks the module's last entry and has another one; strict is off."""
    *kept, last = work.entries
    module, source = work.module(poison=True), work.bag([*kept, last._replace(name="extra")], poison=False)
    lists = str(work.dotnet.StateDicts.Load(module, source, False, ""))
    return f"{lists}; {_changed(work, read(module))} loaded"


def load_state_dict_names_what_is_wrong(work: Work, call: Probe, read: Read) -> str:
    """The same with strict on."""
    *kept, last = work.entries
    module, source = work.module(poison=True), work.bag([*kept, last._replace(name="extra")], poison=False)
    try:
        with work.dotnet.errors():
            work.dotnet.StateDicts.Load(module, source, True, "")
    except DotnetError as error:
        named = [name for name in (last.name, "extra") if name in error.message]
        return f"refused; {', '.join(named) or 'nothing'} named; {_changed(work, read(module))} loaded"
    return "accepted"


def load_state_dict_compares_shapes(work: Work, call: Probe, read: Read) -> str:
    """The source has one element where the module has more."""
    first, *others = work.entries
    one = Entry(first.name, Tensor(first.tensor.dtype, (1,), bytes(first.tensor.dtype.itemsize)))
    module, source = work.module(poison=True), work.bag([one, *others], poison=False)
    try:
        with work.dotnet.errors():
            work.dotnet.StateDicts.Load(module, source, True, "")
    except DotnetError as error:
        return "refused" if "shape" in error.message else error.message
    return "accepted"


def load_state_dict_skips(work: Work, call: Probe, read: Read) -> str:
    """The source lacks the skipped entry, strict is on."""
    *kept, last = work.entries
    module = work.module(poison=True)
    lists = str(work.dotnet.StateDicts.Load(module, work.bag(kept, poison=False), True, last.name))
    return f"{lists}; {_changed(work, read(module))} loaded"


def _changed(work: Work, found: StateDict) -> str:
    """The names of the entries that a poisoned module has from the case, or "nothing"."""
    loaded = [name for (name, tensor), entry in zip(found, work.entries, strict=True) if _same(tensor, entry.tensor)]
    return ", ".join(loaded) or "nothing"


def _same(found: Tensor, expected: Tensor) -> bool:
    return digest([Entry("", found)]) == digest([Entry("", expected)])


def two_modules_in_one_file(work: Work, call: Probe, read: Read) -> str:
    """Save a module and its complement with one BinaryWriter, and load both, each into the other, with one
    BinaryReader.
    """
    held = [digest(work.entries), digest(read(work.module(poison=True)))]
    with writer(work.dotnet, call.artifact) as made:
        for poison in (False, True):
            work.module(poison=poison).save(made)
    same: list[bool] = []
    with reader(work.dotnet, call.artifact) as made:
        for expected, poison in zip(held, (True, False), strict=True):
            module = work.module(poison=poison)
            module.load(made)
            same.append(digest(read(module)) == expected)
    return "the same bits" if all(same) else "other bits"


def optimizer_file_of_another_class(work: Work, call: Probe, read: Read) -> str:
    """An SGD is saved, and loaded into an Adam over the same parameters."""
    return _loaded_into_another(work, call, ("SGD", 1), ("Adam", 1), "optimizer type")


def optimizer_file_of_other_groups(work: Work, call: Probe, read: Read) -> str:
    """An SGD with one group is saved, and loaded into an SGD with two groups of the same parameters."""
    return _loaded_into_another(work, call, ("SGD", 1), ("SGD", 2), "number of parameter groups")


def _loaded_into_another(work: Work, call: Probe, saved: tuple[str, int], into: tuple[str, int], reason: str) -> str:
    """Save an optimizer of a class with so many groups, and load it into another."""
    source, target = (_optimizer(work, *each) for each in (saved, into))
    source.save_state_dict(call.artifact)
    try:
        with work.dotnet.errors():
            target.load_state_dict(call.artifact)
    except DotnetError as error:
        return "refused" if reason in error.message else error.message
    return "accepted"


def _optimizer(work: Work, name: str, groups: int) -> Any:
    """An optimizer of this class, over the case's tensors in so many groups."""
    dotnet = work.dotnet
    kind = getattr(dotnet.Optimizers, name)
    parameters = [dotnet.Optimizers.Parameter(work.tensor(tensor, poison=False), True) for _, tensor in work.entries]
    parts = [dotnet.Array[dotnet.Optimizers.Parameter](parameters[start::groups]) for start in range(groups)]
    return kind(dotnet.Array[kind.ParamGroup]([kind.ParamGroup(part) for part in parts]), 0.5)


def create_from_a_file(work: Work, call: Probe, read: Read) -> str:
    """The case has the entries of the class."""
    made = read(work.dotnet.StateDicts.Create(call.expected))
    return "the same bits" if digest(made) == digest(work.entries) else "other bits"


def state_dict_under_a_prefix(work: Work, call: Probe, read: Read) -> str:
    return ", ".join(work.dotnet.StateDicts.Under(work.module(poison=False), "part"))


def component_names(work: Work, call: Probe, read: Read) -> str:
    renamed = work.dotnet.Renamed()
    follow = "the fields follow" if renamed.FieldsFollow() else "the fields are left behind"
    return f"{', '.join(renamed.EntryNames)}; {follow}"


def jit_load_overloads(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a script."""
    scripts = list(work.dotnet.StateDicts.LoadScripts(call.artifact))
    same = [digest(read(script)) == digest(work.entries) for script in scripts]
    return f"{sum(same)} of {len(scripts)} have the same bits"


def script_as_a_dat(work: Work, call: Probe, read: Read) -> str:
    """The artifact is a script. Save its state as a module's, and load it into the script with other bits."""
    script = work.dotnet.Programs.LoadScript(call.artifact, "cpu")
    file = Path(call.artifact).with_suffix(".saved")
    script.save(str(file))
    seen = "the same file" if file.read_bytes() == Path(call.expected).read_bytes() else "another file"
    slots = work.dotnet.Slots(script)
    for name, tensor in work.entries:
        slots.Write(name, tensor.dtype.code, address(tensor), tensor.nbytes, True)
    script.load(call.expected)
    return f"{seen}; {'the same bits' if digest(read(script)) == digest(work.entries) else 'other bits'}"


def weights_file(work: Work, call: Probe, read: Read) -> str:
    """A file with the complement of a new ResNet-18's bits, so that nothing of it can be there by chance."""
    expected = _complement(read(work.dotnet.StateDicts.ResNet18(7, None, False)))
    write_whole(call.artifact, encode_state_dict(expected))
    other = _other(read(work.dotnet.StateDicts.ResNet18(7, call.artifact, False)), expected)
    return f"other bits: {other}" if other else "the same bits"


def weights_file_without_the_classifier(work: Work, call: Probe, read: Read) -> str:
    """Such a file of seven classes, for a model of five."""
    expected = _complement(read(work.dotnet.StateDicts.ResNet18(7, None, False)))
    write_whole(call.artifact, encode_state_dict(expected))
    return f"the same bits, but for {_other(read(work.dotnet.StateDicts.ResNet18(5, call.artifact, True)), expected)}"


def _complement(entries: StateDict) -> StateDict:
    return [Entry(name, tensor._replace(data=~np.frombuffer(tensor.data, np.uint8))) for name, tensor in entries]


def _other(found: StateDict, expected: StateDict) -> str:
    """The names and shapes of the entries that are not as expected, and the names of those that are missing."""
    wanted, held = dict(expected), dict(found)
    here = [f"{name} {list(tensor.shape)}" for name, tensor in found if not _in(wanted, name, tensor)]
    return ", ".join([*here, *(name for name in wanted if name not in held)])


def _in(expected: dict[str, Tensor], name: str, tensor: Tensor) -> bool:
    return name in expected and _same(tensor, expected[name])


PROBES: dict[str, Callable[[Work, Probe, Read], str]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        *(skip_on_save, load_state_dict_lists, load_state_dict_names_what_is_wrong, load_state_dict_compares_shapes),
        *(load_state_dict_skips, create_from_a_file, state_dict_under_a_prefix, component_names),
        *(two_modules_in_one_file, optimizer_file_of_another_class, optimizer_file_of_other_groups),
        *(jit_load_overloads, script_as_a_dat, weights_file, weights_file_without_the_classifier),
    )
}
