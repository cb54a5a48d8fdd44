"""Converts optimizers: what ``state_dict()`` of torch.optim returns to TorchSharp's file, and back.

May import values, codec, dotnet_side, files, python_side. As for models, all checks are made before a byte is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tscompat.codec import FormatError, OptimizerRecord, encode_optimizer, read_optimizer
from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.files import output, sets
from tscompat.files.item import ModelFileError, Tell
from tscompat.files.kinds import FORMS, known
from tscompat.files.source import opened
from tscompat.files.torch_files import optimizer
from tscompat.files.torch_optimizer import record_from
from tscompat.files.writers import save
from tscompat.python_side.torch_optimizers import name_in_dotnet, name_in_torch, saved_of
from tscompat.values.tensors import Tensor
from tscompat.values.verdict import Verdict

from . import verification

_DAT, _PTH = ".dat", ".pth"
_OPTIMIZER = FORMS["dat-optimizer"]
_BESIDE_A_STATE = 4096
"""Bytes to allow for the names and headers of each parameter in torch's zip file."""


@dataclass(frozen=True)
class OptimizerConversion:
    """A conversion of an optimizer for which all checks passed."""

    target: Path
    record: OptimizerRecord
    sizes: Sequence[int]
    """How many parameters each group has."""
    force: bool

    @property
    def what(self) -> str:
        """What is converted, in a few words."""
        return f"the state of {name_in_torch(self.record.name)}, {_shape(self.record)}"

    @property
    def size(self) -> int:
        """About how many bytes will be written."""
        if self.target.suffix.lower() == _DAT:
            return _encoded(self.record)
        tensors = [
            value.nbytes for state in self.record.states for value in state.values() if isinstance(value, Tensor)
        ]
        return sum(tensors) + _BESIDE_A_STATE * (1 + len(self.record.states))

    def write(self, advance: Callable[[int], object]) -> None:
        """As ``Conversion.write``, but all of a .pth is in memory at once."""
        with output.beside(self.target, self.size, advance, force=self.force) as sink:
            if self.target.suffix.lower() == _DAT:
                for piece in encode_optimizer(self.record):
                    sink.write(piece)
            else:
                save(sink, saved_of(self.record, self.sizes))

    def verify(self, tell: Tell, choice: Choice = PINNED) -> Verdict:
        """The verdict of a load of the target, a .dat that ``write`` wrote, in TorchSharp."""
        return verification.verify_optimizer(self.target, self.record, self.sizes, tell, choice)


def is_optimizer_file(path: Path, form: str = "") -> bool:
    """Whether the file is TorchSharp's of an optimizer, and no state dict, or ``form`` names that format.

    A state dict may begin with the same bytes: four entries, of which the first has a name of 65 letters that begins
    with ``dam``, begin like the file of an Adam.
    """
    if form:
        return form == _OPTIMIZER.name
    return path.is_file() and _OPTIMIZER.claims(source := opened(path)) and not FORMS["dat"].claims(source)


def prepare_optimizer(
    source: Path,
    target: Path,
    *,
    key: str = "",
    form: str = "",
    name: str = "",
    groups: str = "",
    force: bool = False,
    tell: Tell,
) -> OptimizerConversion:
    """Read ``source``, and check that ``target`` can hold all of it.

    ``form`` is as for a model. ``name`` is the class of torch.optim: a file of torch's does not have it, and for a .dat
    it may be empty. ``groups`` has the number of parameters of each group, as "2,3": a .dat does not have it. It must
    be empty for a file of torch's, and may be empty for a .dat with one group.

    Raises ModelFileError and OSError.
    """
    output.check(target, source, force=force)
    if source.is_dir():
        raise ModelFileError(f"{source}: this is a folder: give the file that holds the optimizer's state")
    sets.refuse_part(source, tell)
    opened_source = opened(source)
    kind = known(opened_source, form)
    suffix = target.suffix.lower()
    if suffix != (_PTH if kind is _OPTIMIZER else _DAT) or not (kind is _OPTIMIZER or kind.nested):
        raise ModelFileError(
            f"{target}: an optimizer's state is converted from a checkpoint of torch.save to .dat, and from an "
            f"optimizer of TorchSharp to .pth, not from {kind.words} to {suffix or 'no suffix'!r}"
        )
    if kind is _OPTIMIZER:
        if key:
            raise ModelFileError(
                f"{source}: --key is for nested checkpoints, and TorchSharp's files are flat: leave it out"
            )
        record = _from_dotnet(source, name)
        return OptimizerConversion(target, record, _sizes(source, record, groups), force)
    if groups:
        raise ModelFileError(
            f"{source}: --groups is for TorchSharp's files; torch's files record the groups: leave it out"
        )
    try:
        name_in_dotnet(name)
    except ValueError as error:
        raise ModelFileError(f"--optimizer {name}: {error}") from error
    found, shapes = optimizer(opened_source, key, tell)
    try:
        record, sizes = record_from(found, name, shapes, tell)
        _encoded(record)  # raises for what record_from does not check, such as an overflow
    except ModelFileError as error:
        raise ModelFileError(f"{source}: {error}") from error
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"{source}: cannot be converted as {name}: {error}") from error
    return OptimizerConversion(target, record, sizes, force)


def _from_dotnet(source: Path, name: str) -> OptimizerRecord:
    try:
        record = read_optimizer(source)
    except FormatError as error:
        raise ModelFileError(f"{source}: cannot be read as an optimizer of TorchSharp: {error.args[0]}") from error
    found = name_in_torch(record.name)
    if name and name != found:
        raise ModelFileError(f"{source}: --optimizer {name}, but the file is of {found}: leave it out")
    return record


def _encoded(record: OptimizerRecord) -> int:
    """The size of the encoded record in bytes, counted without copying tensors.

    Raises ValueError or OverflowError for what cannot be encoded.
    """
    return sum(memoryview(piece).nbytes for piece in encode_optimizer(record))


def _sizes(source: Path, record: OptimizerRecord, groups: str) -> list[int]:
    if not groups and len(record.groups) == 1:
        return [len(record.states)]
    found = f"{source}: the file has {_shape(record)}"
    if not groups:
        raise ModelFileError(f"{found}, without the number that each group has: give it, as --groups 2,3")
    sizes = [int(size) if size.isdecimal() else -1 for size in groups.split(",")]
    if -1 in sizes:
        raise ModelFileError(f"--groups {groups}: expected how many parameters each group has, as 2,3")
    if len(sizes) != len(record.groups) or sum(sizes) != len(record.states):
        raise ModelFileError(f"{found}; --groups {groups} means {len(sizes)} groups and {sum(sizes)} parameters")
    return sizes


def _shape(record: OptimizerRecord) -> str:
    groups, states = len(record.groups), len(record.states)
    return f"{groups} group{'' if groups == 1 else 's'} and {states} parameter{'' if states == 1 else 's'}"
