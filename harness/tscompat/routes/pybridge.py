"""TorchSharp.PyBridge: Python's own files, pickles and safetensors, whole or in shards. May import torch_side, models.

Which method of PyBridge a route means stands in peer/inside/overloads, under the same name. Nobody says what the bytes
of these files must be, so there is no oracle for them: the values are judged, and the order of the entries. The format
of safetensors does not ask for metadata, and PyBridge writes none; where its tensors begin is a guarantee.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import torch as safetensors_torch

from tscompat.catalogue import Case
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.values.verdict import Kind, Verdict

from . import judging
from .pickled import PICKLED
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route

LIBRARY: Any = safetensors_torch
"""safetensors' functions for torch, whose types are not complete."""
State = Mapping[str, Any]
UNREADABLE = (
    *(RuntimeError, ValueError, TypeError, LookupError),
    *(pickle.UnpicklingError, safetensors.SafetensorError),
)
"""What torch and safetensors raise for what they cannot write or read."""


@dataclass(frozen=True)
class Format:
    """Python's half: how a state dict gets into a file, and out of one that PyBridge wrote."""

    write: Callable[[State, Path], None]
    read: Callable[[Path], State] | None = None
    """None if PyBridge does not write such files."""


def write_pickle(state: State, path: Path, legacy: bool = False) -> None:
    """``torch.save``, into a zip file or as it was before torch 1.6."""
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)


def write_safetensors(state: State, path: Path) -> None:
    """``save_file`` of safetensors, with the metadata that the transformers library writes."""
    LIBRARY.save_file(dict(state), path, metadata={"format": "pt"})


def write_shards(write: Callable[[State, Path], None], name: str, state: State, folder: Path) -> None:
    """Two files and their index, as ``save_pretrained`` of the transformers library names them."""
    folder.mkdir()
    stem, suffix = name.rsplit(".", 1)
    names = list(state)
    half = (len(names) + 1) // 2
    shards = {f"{stem}-{n:05}-of-00002.{suffix}": part for n, part in ((1, names[:half]), (2, names[half:])) if part}
    for file, part in shards.items():
        write({each: state[each] for each in part}, folder / file)
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())},
        "weight_map": {each: file for file, part in shards.items() for each in part},
    }
    (folder / f"{name}.index.json").write_text(json.dumps(index), encoding="utf-8")


FORMATS: Mapping[str, tuple[Format, str]] = {
    "pybridge-pickle": (
        Format(write_pickle, partial(torch.load, weights_only=True)),
        "torch.save and load_py; save_py and torch.load",
    ),
    "pybridge-legacy": (Format(partial(write_pickle, legacy=True)), "torch.save as before torch 1.6, and load_py"),
    "pybridge-safetensors": (
        Format(write_safetensors, LIBRARY.load_file),
        "safetensors and load_safetensors; save_safetensors and safetensors",
    ),
    "pybridge-pickle-shards": (
        Format(partial(write_shards, write_pickle, "pytorch_model.bin")),
        "two pickles with their index, and load_checkpoint",
    ),
    "pybridge-safetensors-shards": (
        Format(partial(write_shards, write_safetensors, "model.safetensors")),
        "two safetensors files with their index, and load_checkpoint",
    ),
}


def python_to_dotnet(form: Format, job: Job) -> Mapping[str, Verdict]:
    """A state dict of torch's, written as Python's users write it, loaded by PyBridge."""
    state = native.state(job.case, job.entries)
    if job.writer_device != "cpu":
        state = torch_tensors.on(job.writer_device, state)
    try:
        form.write(PICKLED[job.case.pickled](state), job.artifact)
    except UNREADABLE as error:
        refused = Verdict(Kind.REFUSED, f"Python's writer: {judging.raised(error, job)}")
        return {"bits": refused, "quantizer": refused}
    answer = job.ask("load", job.reader_device, layout=job.case.target_layout, reverse=job.case.target_reversed)
    return judging.arrived(answer, job)


def dotnet_to_python(form: Format, job: Job) -> Mapping[str, Verdict]:
    """Saved by PyBridge, read as Python's users read it."""
    assert form.read is not None
    failed = judging.refused(job.ask("save", job.writer_device, layout=job.case.source_layout), job)
    if failed is None:
        try:
            state = torch_tensors.on(job.reader_device, form.read(job.artifact))
            entries = torch_tensors.export(state)
        except UNREADABLE as error:
            failed = judging.unreadable(error, job)
        else:
            return {
                "bits": judging.held(entries, job),
                "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
                "quantizer": judging.quantizer(torch_tensors.quantizer(state), job),
            }
    return {"bits": failed, "order": failed, "quantizer": failed}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    if case.model and case.model.only:
        return ()
    if direction == DOTNET_TO_PYTHON and case.pickled != "as-it-is":
        return ()  # what Python makes of a state dict before it pickles it is nothing to .NET
    order = ("order",) if direction == DOTNET_TO_PYTHON else ()
    return ("bits", *order, *(("quantizer",) if "quantizer" in case.tags else ()))


ROUTES = tuple(
    Route(
        name=name,
        why=why,
        directions={PYTHON_TO_DOTNET: partial(python_to_dotnet, form)}
        | ({DOTNET_TO_PYTHON: partial(dotnet_to_python, form)} if form.read else {}),
        checks=_checks,
    )
    for name, (form, why) in FORMATS.items()
)
