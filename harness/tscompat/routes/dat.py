"""The routes of TorchSharp's own format: whole modules and single tensors, by every overload.

May import values, codec, catalogue, python_side. Upstream: ``Module.save/load`` in NN/Module.cs, ``Save`` in
Tensor/TensorExtensionMethods.cs, ``Tensor.Load`` in Tensor/Factories/Tensor.Factories.cs.
"""

from __future__ import annotations

from functools import partial

from tscompat import codec
from tscompat.catalogue import Case, Model, Tensors
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.values.compare import VALUES
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import PASS, Kind, Verdict

from . import dotnet_half, judging
from .formats import LOADED_TENSOR, STATE_DICT, TENSOR, DatFormat
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route, Transfer


def python_to_dotnet(form: DatFormat, job: Job[Tensors | Model]) -> Transfer:
    """The oracle writes torch's tensors; TorchSharp loads the file."""
    exported = torch_tensors.export(torch_tensors.on(job.writer_device, native.state(job.subject, job.entries)))
    artifact = job.artifact
    written = None if form.single else judging.same_file(partial(form.encode, exported), form.fields, job.expected_file)
    if written is PASS:
        artifact = job.expected_file  # it has the same bytes, and a large model is not written twice
    else:
        form.write(artifact, exported)
    written = written or judging.as_encoded(form, job, artifact)  # before .NET has the file
    layout, reverse = _target(job.subject)
    into = None if form.single else dotnet_half.module(job, reverse=reverse)
    answer = dotnet_half.load(job, into, artifact=artifact, layout=layout)
    return Transfer({"bytes": written, **judging.arrived(answer, job)}, artifact)


def dotnet_to_python(form: DatFormat, job: Job[Tensors | Model]) -> Transfer:
    """TorchSharp saves a file; the oracle reads it, and its entries are loaded into torch's tensors."""
    subject = job.subject
    layout = subject.source_layout if isinstance(subject, Tensors) else "contiguous"
    answer = dotnet_half.save(job, None if form.single else dotnet_half.module(job), layout=layout)
    if judging.failed(answer):
        return _all(judging.failure(answer, job), job)
    try:
        entries = form.read(job.artifact, job.entries)
    except codec.FormatError as error:
        return _all(Verdict(Kind.BYTES, f"unreadable: {error.args[0]}"), job)
    unlike = judging.held(entries, job, VALUES - {Kind.BITS})
    verdicts = {
        "bytes": judging.as_encoded(form, job, job.artifact),
        # torch's copy_ casts and broadcasts: entries of other dtypes or shapes must not get that far.
        "bits": unlike if unlike.kind in (Kind.DTYPE, Kind.SHAPE) else _load(job, entries),
        "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
        "quantizer": judging.quantizer(None, job),  # the format does not store it
    }
    return Transfer(verdicts, job.artifact)


def _all(verdict: Verdict, job: Job[Tensors | Model]) -> Transfer:
    return Transfer(dict.fromkeys(("bytes", "bits", "order", "quantizer"), verdict), job.artifact)


def _target(subject: Tensors | Model) -> tuple[str, bool]:
    """The layout of .NET's tensors to load into, and whether they are registered in reverse order."""
    return (subject.target_layout, subject.target_reversed) if isinstance(subject, Tensors) else ("contiguous", False)


def _load(job: Job[Tensors | Model], entries: StateDict) -> Verdict:
    """Load the entries into torch, and compare what torch then holds of them with the case's bits."""
    if isinstance(job.subject, Model):
        module = native.build(job.subject)
        native.fill(module, entries, strict=False)  # the names are compared below
        state = module.state_dict()
    else:
        state = torch_tensors.on(job.reader_device, torch_tensors.target(job.subject, job.entries))
        torch_tensors.load(state, [entry for entry in entries if entry.name in state])
    held = dict(torch_tensors.export(state))
    return judging.held([Entry(name, held.get(name, tensor)) for name, tensor in entries], job)


def _checks(form: DatFormat, case: Case, subject: Tensors | Model, direction: str) -> tuple[str, ...]:
    if isinstance(subject, Model) and subject.only:
        return ()
    return (*form.checks[direction], *judging.asked(case, direction))


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        subjects=(Tensors, Model),
        overload=overload,
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, form),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, form),
        },
        checks=partial(_checks, form),
    )
    for name, overload, form, why in (
        ("dat", "module-path", STATE_DICT, "Module.save(path), Module.load(path)"),
        ("dat-stream", "module-stream", STATE_DICT, "Module.save(Stream), Module.load(Stream)"),
        ("tensor", "tensor-path", TENSOR, "Tensor.Save(path), Tensor.Load(path)"),
        ("tensor-stream", "tensor-stream", TENSOR, "Tensor.Save(Stream), Tensor.Load(Stream)"),
        (
            "tensor-writer",
            "tensor-into",
            TENSOR,
            "Tensor.Save(BinaryWriter), Load(BinaryReader) into a tensor that exists",
        ),
        ("dat-writer", "module-writer", STATE_DICT, "Module.save(BinaryWriter), Module.load(BinaryReader)"),
        (
            "dat-state-dict",
            "module-state-dict",
            STATE_DICT,
            "Module.save_state_dict(BinaryWriter, state dict), Module.load_state_dict",
        ),
        ("tensor-reader", "tensor-reader", LOADED_TENSOR, "Tensor.Load(BinaryReader)"),
        ("tensor-new", "tensor-new", LOADED_TENSOR, "TensorExtensionMethods.Load(BinaryReader)"),
        (
            "tensor-ref",
            "tensor-ref",
            LOADED_TENSOR,
            "TensorExtensionMethods.Load(ref Tensor, BinaryReader) with a tensor that exists",
        ),
    )
)
