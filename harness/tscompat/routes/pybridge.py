"""TorchSharp.PyBridge between Python's own files and TorchSharp's modules. May import torch_side, checkpoints, models.

Python's half is torch's and safetensors' own library. No byte is held against an oracle: a pickle may be written in
many ways. Upstream: TorchSharp.PyBridge/PyBridgeModuleExtensions.cs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tscompat import checkpoints, torch_side
from tscompat.catalogue import Case
from tscompat.models import native
from tscompat.tensors import StateDict
from tscompat.verdict import Kind, Verdict

from . import judging
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Carry, Job, Route

Write = Callable[[Any, Path], None]
Read = Callable[[Path], StateDict]
CHECKS = {PYTHON_TO_DOTNET: ("bits",), DOTNET_TO_PYTHON: ("bits", "order")}


def written(write: Write, job: Job) -> Mapping[str, Verdict]:
    """Written by Python, loaded by PyBridge."""
    case = job.case
    state = torch_side.on(job.writer_device, native.state(case, job.entries))
    write(checkpoints.PICKLED[case.pickled](state), job.artifact)
    answer = job.ask("load", job.reader_device, layout=case.target_layout, reverse=case.target_reversed)
    refused = judging.refused(answer, job)
    return {
        "bits": refused or judging.loaded(answer, job),
        "quantizer": refused or judging.quantizer(answer["quantizer"], job),
    }


def read(reader: Read, job: Job) -> Mapping[str, Verdict]:
    """Saved by PyBridge, read by Python."""
    failed = judging.refused(job.ask("save", job.writer_device, layout=job.case.source_layout), job)
    if failed is None:
        try:
            entries = reader(job.artifact)
        except checkpoints.UnreadableCheckpoint as error:
            failed = Verdict(Kind.BYTES, f"unreadable: {judging.without_paths(str(error), job)}")
        else:
            return {
                "bits": judging.held(entries, job),
                "order": judging.held(entries, job, {Kind.NAMES, Kind.ORDER}),
            }
    return dict.fromkeys(CHECKS[DOTNET_TO_PYTHON], failed)


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    """Python's own way of pickling, and what a module has before it loads, are of no concern to what .NET saves."""
    if case.model and case.model.only:
        return ()
    if direction == DOTNET_TO_PYTHON and (case.pickled != "as-it-is" or case.side == "target"):
        return ()
    quantizer = "quantizer" in case.tags and direction == PYTHON_TO_DOTNET
    return (*CHECKS[direction], *(("quantizer",) if quantizer else ()))


def _safetensors_checks(case: Case, direction: str) -> tuple[str, ...]:
    """Only what a safetensors file has names of dtypes for."""
    fits = all(spec.dtype.name in checkpoints.SAFETENSORS_DTYPES for spec in case.tensors)
    return _checks(case, direction) if fits else ()


def _route(name: str, why: str, write: Write, reader: Read | None = None) -> Route:
    directions: dict[str, Carry] = {PYTHON_TO_DOTNET: partial(written, write)}
    if reader:
        directions[DOTNET_TO_PYTHON] = partial(read, reader)
    checks = _safetensors_checks if "safetensors" in name else _checks
    return Route(name=f"pybridge-{name}", why=why, directions=directions, checks=checks)


ROUTES = (
    _route(
        "pickle",
        "torch.save(state_dict), load_py(path); save_py(path), torch.load",
        checkpoints.write_pickle,
        checkpoints.read_pickle,
    ),
    _route(
        "legacy",
        "torch.save without zip, load_py(path)",
        partial(checkpoints.write_pickle, zipped=False),
    ),
    _route(
        "safetensors",
        "save_file, load_safetensors(path); save_safetensors(path), safe_open",
        checkpoints.write_safetensors,
        checkpoints.read_safetensors,
    ),
    _route(
        "checkpoint-pickle",
        "a folder of pickles with an index, load_checkpoint",
        partial(checkpoints.write_shards, checkpoints.write_pickle, "pytorch_model.bin"),
    ),
    _route(
        "checkpoint-safetensors",
        "a folder of safetensors with an index, load_checkpoint",
        partial(checkpoints.write_shards, checkpoints.write_safetensors, "model.safetensors"),
    ),
)
