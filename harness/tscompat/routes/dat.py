"""TorchSharp's own format: whole modules and single tensors, by every overload. May import torch_side, models.

Upstream: ``Module.save/load`` in NN/Module.cs, ``Save`` in Tensor/TensorExtensionMethods.cs, ``Tensor.Load`` in
Tensor/Factories/Tensor.Factories.cs. Which overload a route means stands in peer/inside/overloads, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from typing_extensions import Buffer

from tscompat import codec
from tscompat.catalogue import Case
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route


@dataclass(frozen=True)
class Format:
    """What stands in the file: a state dict, or one tensor without its name."""

    encode: Callable[[StateDict], Iterator[Buffer]]
    write: Callable[[Path, StateDict], None]
    read: Callable[[Path, StateDict], StateDict]
    """The second argument lends a single tensor its name."""
    checks: Mapping[str, tuple[str, ...]]


STATE_DICT = Format(
    encode=codec.encode_state_dict,
    write=lambda path, entries: write_whole(path, codec.encode_state_dict(entries)),
    read=lambda path, due: codec.read_state_dict(path),
    checks={PYTHON_TO_DOTNET: ("bytes", "bits"), DOTNET_TO_PYTHON: ("bytes", "bits", "order")},
)
TENSOR = Format(
    encode=lambda entries: codec.encode_tensor(entries[0].tensor),
    write=lambda path, entries: write_whole(path, codec.encode_tensor(entries[0].tensor)),
    read=lambda path, due: [Entry(due[0].name, codec.read_tensor(path))],
    checks={PYTHON_TO_DOTNET: ("bytes", "bits"), DOTNET_TO_PYTHON: ("bytes", "bits")},
)
LOADED = replace(TENSOR, checks={PYTHON_TO_DOTNET: ("bits",), DOTNET_TO_PYTHON: ()})
"""A tensor by an overload of Load alone: what it loads is saved by the others."""


def python_to_dotnet(form: Format, job: Job) -> Mapping[str, Verdict]:
    """torch's tensors, written by the oracle, loaded by TorchSharp."""
    case = job.case
    exported = torch_tensors.export(torch_tensors.on(job.writer_device, native.state(case, job.entries)))
    written = judging.same_file(form.encode(exported), job.expected_file) if form is STATE_DICT else None
    if written is judging.PASS:
        job.artifact = job.expected_file  # the very file that would be written: a large model is not written again
    else:
        form.write(job.artifact, exported)
    answer = job.ask("load", job.reader_device, layout=case.target_layout, reverse=case.target_reversed)
    return {
        "bytes": written or judging.same_file(form.encode(job.entries), job.artifact),
        **judging.arrived(answer, job),
    }


def dotnet_to_python(form: Format, job: Job) -> Mapping[str, Verdict]:
    """Saved by TorchSharp, read by the oracle, loaded into torch's tensors."""
    failed = judging.refused(job.ask("save", job.writer_device, layout=job.case.source_layout), job)
    if failed is None:
        try:
            entries = form.read(job.artifact, job.entries)
        except codec.FormatError as error:
            failed = Verdict(Kind.BYTES, f"unreadable: {error.args[0]}")
        else:
            unlike = judging.held(entries, job, {Kind.NAMES, Kind.DTYPE, Kind.SHAPE})
            return {
                "bytes": judging.same_file(form.encode(job.entries), job.artifact),
                # torch's copy_ casts and broadcasts: what is unlike must not get that far.
                "bits": _load(job, entries) if unlike is judging.PASS else unlike,
                "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
                "quantizer": judging.quantizer(None, job),  # the format has no place for it
            }
    return dict.fromkeys(("bytes", "bits", "order", "quantizer"), failed)


def _load(job: Job, entries: StateDict) -> Verdict:
    """What torch holds after loading what was read."""
    if job.case.model:
        state = native.filled(job.case, entries).state_dict()
    else:
        state = torch_tensors.on(job.reader_device, torch_tensors.target(job.case, job.entries))
        torch_tensors.load(state, entries)
    return judging.held(torch_tensors.export(state), job)


def _checks(form: Format, case: Case, direction: str) -> tuple[str, ...]:
    if case.model and case.model.only:
        return ()
    return (*form.checks[direction], *(("quantizer",) if "quantizer" in case.tags else ()))


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, form),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, form),
        },
        checks=partial(_checks, form),
    )
    for name, form, why in (
        ("dat", STATE_DICT, "Module.save(path), Module.load(path)"),
        ("dat-stream", STATE_DICT, "Module.save(Stream), Module.load(Stream)"),
        ("tensor", TENSOR, "Tensor.Save(path), Tensor.Load(path)"),
        ("tensor-stream", TENSOR, "Tensor.Save(Stream), Tensor.Load(Stream)"),
        ("tensor-writer", TENSOR, "Tensor.Save(BinaryWriter), Load(BinaryReader) into a tensor that exists"),
        ("dat-writer", STATE_DICT, "Module.save(BinaryWriter), Module.load(BinaryReader)"),
        ("dat-state-dict", STATE_DICT, "Module.save_state_dict(BinaryWriter, state dict), Module.load_state_dict"),
        ("tensor-reader", LOADED, "Tensor.Load(BinaryReader)"),
        ("tensor-new", LOADED, "TensorExtensionMethods.Load(BinaryReader)"),
        ("tensor-ref", LOADED, "TensorExtensionMethods.Load(ref Tensor, BinaryReader) with a tensor that exists"),
    )
)
