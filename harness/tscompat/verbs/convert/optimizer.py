"""Converts optimizers: what ``state_dict()`` of torch.optim returns to TorchSharp's file, and back.

May import values, codec, files, python_side. As for models, all checks are made before a byte is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tscompat.codec import FormatError, OptimizerRecord, encode_optimizer, read_optimizer
from tscompat.files import output, sets
from tscompat.files.checkpoint import OPTIMIZER
from tscompat.files.item import ModelFileError, Tell
from tscompat.files.readers import PICKLES, saved
from tscompat.files.torch_optimizer import judged
from tscompat.files.writers import save
from tscompat.python_side.torch_optimizers import Saved, name_in_dotnet, name_in_torch, record_of, saved_of
from tscompat.values.tensors import Tensor
from tscompat.values.verdict import Verdict

from . import verification

_DAT, _PTH = ".dat", ".pth"
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

    def verify(self, tell: Tell) -> Verdict:
        """The verdict of a load of the target, a .dat that ``write`` wrote, in TorchSharp."""
        return verification.verify_optimizer(self.target, self.record, self.sizes, tell)


def prepare_optimizer(
    source: Path, target: Path, *, key: str = "", name: str = "", groups: str = "", force: bool = False, tell: Tell
) -> OptimizerConversion:
    """Read ``source``, and check that ``target`` can hold all of it.

    ``name`` is the class of torch.optim: a file of torch's does not have it, and for a .dat it may be empty.
    ``groups`` has the number of parameters of each group, as "2,3": a .dat does not have it. It must be empty for a
    file of torch's, and may be empty for a .dat with one group.

    Raises ModelFileError and OSError.
    """
    way = source.suffix.lower(), target.suffix.lower()
    if way != (_DAT, _PTH) and (way[0] not in PICKLES or way[1] != _DAT):
        raise ModelFileError(
            f"{target}: an optimizer's state is converted from {' '.join(PICKLES)} to .dat, and from .dat to .pth, "
            f"not from {way[0] or 'no suffix'!r} to {way[1] or 'no suffix'!r}"
        )
    output.check(target, source, force=force)
    sets.refuse_part(source)
    if way[0] == _DAT:
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
    found = saved(source, key, tell, OPTIMIZER)
    try:
        state = judged(found, name, tell)
    except ModelFileError as error:
        raise ModelFileError(f"{source}: {error}") from error
    record = _from_torch(source, state, name)
    return OptimizerConversion(target, record, [len(group["params"]) for group in state["param_groups"]], force)


def _from_dotnet(source: Path, name: str) -> OptimizerRecord:
    try:
        record = read_optimizer(source)
    except FormatError as error:
        raise ModelFileError(f"{source}: cannot be read as an optimizer of TorchSharp: {error.args[0]}") from error
    found = name_in_torch(record.name)
    if name and name != found:
        raise ModelFileError(f"{source}: --optimizer {name}, but the file is of {found}: leave it out")
    return record


def _from_torch(source: Path, state: Saved, name: str) -> OptimizerRecord:
    try:
        record = record_of(name, state)
        _encoded(record)  # raises for what record_of does not check, such as an overflow
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"{source}: cannot be converted as {name}: {error}") from error
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
