"""What known faults make of what was expected: the entries of a file, of memory, or of a module after a load.

May import values, codec, catalogue, python_side.

An entry of cases/divergences/ lists faults under ``predicts``, each with its arguments, in the order in which they act.
What was found must be exactly what they make. A fault gets the job and the expected entries; patterns are fnmatch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np
import torch
from typing_extensions import Buffer

from tscompat.catalogue import make
from tscompat.codec import OptimizerRecord, encode_state_dict, leb128
from tscompat.codec.optimizer import flat_options, flat_states
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import Entry, StateDict, Tensor, as_float64

from .route import Job

Fault: TypeAlias = Callable[..., StateDict]
"""Takes the job, the entries, and the fault's arguments, which are strings."""


# The names of the entries, and their order.


def parameters_before_buffers(job: Job[Any], entries: StateDict) -> StateDict:
    """The order of ``state_dict()`` in NN/Module.cs: all parameters, all buffers, then tied parameters again."""
    places = {spec.name: 2 if spec.tied_to else int(spec.buffer) for spec in job.specs}
    return sorted(entries, key=lambda entry: places.get(entry.name, 0))


def root_first(job: Job[Any], entries: StateDict) -> StateDict:
    """The entries of the root module before those of its submodules."""
    return sorted(entries, key=lambda entry: "." in entry.name)


def begins_with(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The entries that match a pattern before the others."""
    return sorted(entries, key=lambda entry: not _matches(entry.name, patterns))


def without(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The entries that match no pattern."""
    return [entry for entry in entries if not _matches(entry.name, patterns)]


def renamed(job: Job[Any], entries: StateDict, *names: str) -> StateDict:
    """The first of each two names replaced by the second."""
    new = dict(zip(names[::2], names[1::2], strict=True))
    return [Entry(new.get(name, name), tensor) for name, tensor in entries]


# Their values.


def sign_of_the_storage(job: Job[Any], entries: StateDict) -> StateDict:
    """The entries with the other sign (of a complex number: of its imaginary part), which the storage of a neg or conj
    view holds.
    """
    return [Entry(name, _other_sign(tensor)) for name, tensor in entries]


def quiet_nans(job: Job[Any], entries: StateDict) -> StateDict:
    """The entries with each signalling NaN in the last part of an element (of a complex number: its imaginary part)
    turned into the quiet one with the same payload.
    """
    return [
        Entry(name, _quiet(tensor, bits) if (bits := tensor.dtype.mantissa_bits) else tensor)
        for name, tensor in entries
    ]


def strides_of_the_file(job: Job[Any], entries: StateDict) -> StateDict:
    """What a target holds after the file's elements were written into its storage one behind the other, from the
    storage's first element on, and not to the target's own places. Elsewhere the storage keeps the complement.
    """
    targets = torch_tensors.target(job.subject, entries)
    for name, tensor in entries:
        target = targets[name]
        storage: Any = torch.empty(0, dtype=target.dtype)
        storage.set_(target.untyped_storage(), 0, tensor.shape).copy_(torch_tensors.to_torch(tensor))
    return torch_tensors.export({name: targets[name] for name, _ in entries})


def made_by_the_constructor(job: Job[Any], entries: StateDict, pattern: str) -> StateDict:
    """The entries that match the pattern as the constructor of Python's module leaves them."""
    made = dict(torch_tensors.export(native.build(job.subject).state_dict()))
    return [Entry(name, made[name] if fnmatchcase(name, pattern) else tensor) for name, tensor in entries]


def converted(job: Job[Any], entries: StateDict, pattern: str, dtype: str) -> StateDict:
    """The entries that match the pattern, with their numbers converted to this dtype."""
    return [
        Entry(name, _converted(tensor, BY_NAME[dtype]) if fnmatchcase(name, pattern) else tensor)
        for name, tensor in entries
    ]


def unknown_type(job: Job[Any], entries: StateDict, code: str) -> StateDict:
    """The entries with this number as the code of their dtype."""
    return [Entry(name, tensor._replace(dtype=replace(tensor.dtype, code=int(code)))) for name, tensor in entries]


# An optimizer's options and states.


def present_rate_as_initial(job: Job[Any], entries: StateDict) -> StateDict:
    """The initial learning rate of each group is the present one."""
    there = dict(entries)
    return [Entry(name, there[name.replace(".initial_lr", ".lr")]) for name, _ in entries]


def rounded_to_float32(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The numbers that match a pattern rounded to float32; they are float64 still."""
    return [
        Entry(
            name, _converted(_converted(tensor, BY_NAME["f32"]), tensor.dtype) if _matches(name, patterns) else tensor
        )
        for name, tensor in entries
    ]


# What a module holds after a load; expected is what it holds in PyTorch.


def kept(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The entries that match a pattern hold what they held before the load."""
    before = dict(job.entries)
    return [Entry(name, before[name] if _matches(name, patterns) else tensor) for name, tensor in entries]


def loaded(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The entries that match a pattern hold the bits that the file has under their name; the last ones, if it comes
    twice.
    """
    return [
        Entry(name, tensor._replace(data=_in_the_file(job, name).data) if _matches(name, patterns) else tensor)
        for name, tensor in entries
    ]


def broadcast(job: Job[Any], entries: StateDict, *patterns: str) -> StateDict:
    """The entries that match a pattern hold the file's elements, repeated to fill their shape."""
    return [
        Entry(name, _filled(tensor, _in_the_file(job, name)) if _matches(name, patterns) else tensor)
        for name, tensor in entries
    ]


def loaded_as(job: Job[Any], entries: StateDict, source: str, *patterns: str) -> StateDict:
    """The entries that match a pattern hold the bits that the file has under the name ``source``."""
    data = _in_the_file(job, source).data
    return [Entry(name, tensor._replace(data=data) if _matches(name, patterns) else tensor) for name, tensor in entries]


def loaded_in_part(job: Job[Any], entries: StateDict, partly: str, size: str) -> StateDict:
    """This entry holds the first ``size`` bytes of the file's, and then what it held before the load."""
    old, new = (memoryview(tensor.data).cast("B") for tensor in (dict(job.entries)[partly], _in_the_file(job, partly)))
    data = bytes(new[: int(size)]) + bytes(old[int(size) :])
    return [Entry(name, tensor._replace(data=data) if name == partly else tensor) for name, tensor in entries]


FAULTS: Mapping[str, Fault] = {
    "parameters-before-buffers": parameters_before_buffers,
    "root-first": root_first,
    "begins-with": begins_with,
    "without": without,
    "renamed": renamed,
    "sign-of-the-storage": sign_of_the_storage,
    "quiet-nans": quiet_nans,
    "strides-of-the-file": strides_of_the_file,
    "made-by-the-constructor": made_by_the_constructor,
    "converted": converted,
    "unknown-type": unknown_type,
    "present-rate-as-initial": present_rate_as_initial,
    "rounded-to-float32": rounded_to_float32,
    "kept": kept,
    "loaded": loaded,
    "broadcast": broadcast,
    "loaded-as": loaded_as,
    "loaded-in-part": loaded_in_part,
}


STEPS = "steps-of-torchsharp"
"""The fault of what an optimizer computes, which is judged within bounds: the parameters, states and counts are those
of its counterpart with TorchSharp's faults (python_side/faulty_optimizers.py)."""
Encode: TypeAlias = Callable[[StateDict], Iterator[Buffer]]


def names_in_characters(entries: StateDict) -> Iterator[Buffer]:
    """The file of a state dict in which the length of each name is the number of its characters, not of its bytes."""
    yield leb128.encode(len(entries))
    for name, tensor in entries:
        count_and_length = 1 + len(leb128.encode(len(name.encode())))
        yield leb128.encode(len(name)) + b"".join(encode_state_dict([Entry(name, tensor)]))[count_and_length:]


ENCODINGS: Mapping[str, Encode] = {"names-in-characters": names_in_characters}
"""Faults of a whole file: how its writer encodes the entries. Such a fault comes last."""


def faulty(job: Job[Any], expected: StateDict, predicts: Sequence[str]) -> StateDict:
    """What the faults make of the entries that were expected. Raises KeyError for an unknown fault."""
    for words in predicts:
        fault, *arguments = words.split()
        expected = FAULTS[fault](job, expected, *arguments)
    return expected


def faulty_file(job: Job[Any], encode: Encode, predicts: Sequence[str]) -> Iterator[Buffer]:
    """The file that the faults make of the job's entries. Raises KeyError for an unknown fault."""
    if predicts and predicts[-1] in ENCODINGS:
        *predicts, encoding = predicts
        encode = ENCODINGS[encoding]
    return encode(faulty(job, job.entries, predicts))


def faulty_record(job: Job[Any], record: OptimizerRecord, predicts: Sequence[str]) -> OptimizerRecord:
    """The record with what the faults make of its options and states. Raises KeyError for an unknown fault."""
    return remade(record, faulty(job, [*flat_options(record), *flat_states(record)], predicts))


def remade(record: OptimizerRecord, entries: StateDict) -> OptimizerRecord:
    """The record with the values that the entries have of its options and states."""
    made = dict(entries)
    return record._replace(
        groups=[_made_of(made, f"group.{number}", options) for number, options in enumerate(record.groups)],
        states=[_made_of(made, f"state.{number}", state) for number, state in enumerate(record.states)],
    )


def _made_of(made: Mapping[str, Tensor], part: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the values that ``made`` has of them: a tensor, or a number of the same type as before."""
    values = dict(fields)
    for field, value in fields.items():
        if value is not None:
            tensor = made[f"{part}.{field}"]
            values[field] = tensor if isinstance(value, Tensor) else type(value)(as_float64(tensor)[0])
    return values


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _filled(tensor: Tensor, given: Tensor) -> Tensor:
    elements = np.frombuffer(given.data, f"V{given.dtype.itemsize}").reshape(given.shape)
    return tensor._replace(data=np.broadcast_to(elements, tensor.shape).tobytes())


def _other_sign(tensor: Tensor) -> Tensor:
    """The tensor with the sign bit of each element's last part flipped."""
    changed = np.frombuffer(tensor.data, np.uint8).copy()
    size = tensor.dtype.itemsize
    changed[size - 1 :: size] ^= 0x80
    return tensor._replace(data=changed)


def _quiet(tensor: Tensor, mantissa_bits: int) -> Tensor:
    """The tensor with the highest bit of the mantissa set where the last part of an element is NaN."""
    changed = np.frombuffer(tensor.data, np.uint8).copy()
    last = changed.view(tensor.dtype.scalar)[tensor.dtype.parts - 1 :: tensor.dtype.parts]
    bits = last.view(f"<u{last.itemsize}")
    bits[np.isnan(last)] |= 1 << (mantissa_bits - 1)
    return tensor._replace(data=changed)


def _converted(tensor: Tensor, dtype: DType) -> Tensor:
    """The tensor with its numbers in this dtype. The tensors of a schema have no bytes before nor after."""
    if memoryview(tensor.data).nbytes != tensor.nbytes:
        return tensor._replace(dtype=dtype)
    return torch_tensors.from_torch(torch_tensors.to_torch(tensor).to(native.torch_dtype(dtype)))


def _in_the_file(job: Job[Any], name: str) -> Tensor:
    """The last tensor of this name in the file of a load."""
    return dict(make(f"{job.case.id}/file", job.subject.file))[name]
