"""Tries guarantees on the real TorchSharp: what its documentation states, and what PyTorch's users rely on.

May import every room above it in ARCHITECTURE.md's table. A guarantee that PyTorch gives too is tried on PyTorch as
well (python_side/models/counterparts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tscompat import codec
from tscompat.catalogue import Case, Guarantee
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.messages import Unable
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import counterparts, given, programs
from tscompat.resources.whole import write_whole
from tscompat.values.verdict import PASS, Kind, Verdict

from . import dotnet_half, judging
from .formats import State, write_pickle, write_safetensors, write_shards
from .route import PYTHON_TO_DOTNET, Job, Route, Transfer

Save = Callable[[Path, State], None]


def _write_dat(path: Path, state: State) -> None:
    write_whole(path, codec.encode_state_dict(torch_tensors.export(state)))


def _write_into_folder(write: Save, name: str, folder: Path, state: State) -> None:
    """Write a folder as ``save_pretrained`` of the transformers library does for a small model: one file, no index."""
    folder.mkdir()
    write(folder / name, state)


def _write_first(path: Path, state: State) -> None:
    """Write the elements of the first tensor, and nothing else."""
    path.write_bytes(bytes(torch_tensors.from_torch(next(iter(state.values()))).data))


def _instead(make: Callable[[], State], path: Path, state: State) -> None:
    """Write another state dict than the case's."""
    _write_dat(path, make())


_SHARDS = partial(write_shards, write_safetensors, "model.safetensors")

GIVEN: Mapping[str, Save] = {
    "python-state-dict-from-the-cpu": _write_dat,
    "pybridge-keeps-training-and-gradients": write_pickle,
    "pybridge-checkpoint-of-one-pickle": partial(_write_into_folder, write_pickle, "pytorch_model.bin"),
    **dict.fromkeys(("jit-load-overloads", "script-as-a-dat"), programs.save_bag),
    **dict.fromkeys(("frombuffer-reads-bytes", "frombuffer-skips-bytes"), _write_first),
    **dict.fromkeys(("from-file", "tensors-of-byte-arrays"), _write_first),
    "casts-round-as-pytorch": partial(_instead, given.casts),
    "generator-state": partial(_instead, given.generator),
    "pybridge-safetensors-keys-to-keep": write_safetensors,
    "pybridge-checkpoint-by-name": partial(_write_into_folder, write_safetensors, "other.safetensors"),
    **dict.fromkeys(("pybridge-checkpoint-not-strict", "pybridge-checkpoint-skips-an-array"), _SHARDS),
    "pybridge-checkpoint-of-one-safetensors": partial(_write_into_folder, write_safetensors, "model.safetensors"),
}
"""By probe: how Python saves a model to the artifact before the probe. The other probes get no artifact."""


def holds(job: Job[Guarantee]) -> Transfer:
    """Try the guarantee in TorchSharp and, if it has a counterpart there, in PyTorch."""
    guarantee = job.subject
    save = GIVEN.get(guarantee.probe)
    if save:
        save(job.artifact, counterparts.state_from_the_cpu(guarantee, job.entries, job.writer_device))
    answer = job.ask(
        messages.Probe(
            probe=guarantee.probe,
            expected=str(job.expected_file),
            artifact=str(job.artifact),
            module=dotnet_half.bag(job),
            placement=dotnet_half.placement(job, job.reader_device),
        )
    )
    if judging.failed(answer):
        verdict = judging.failure(answer, job)
    elif isinstance(answer, Unable):
        expected = answer.reason == guarantee.unable
        verdict = Verdict(Kind.NOT_RUN if expected else Kind(guarantee.otherwise), answer.reason)
    else:
        verdict = _judged(job, answer.observed)
    return Transfer({"kept": verdict}, job.artifact)


def _judged(job: Job[Guarantee], observed: str) -> Verdict:
    guarantee = job.subject
    ours = counterparts.observe(guarantee, job.entries, job.artifact.with_suffix(".torch"))
    for side, seen in (("PyTorch", ours or guarantee.observed), ("TorchSharp", observed)):
        if seen != guarantee.observed:
            return Verdict(Kind(guarantee.otherwise), f"{side}: {seen}; expected: {guarantee.observed}")
    return PASS


def _checks(case: Case, guarantee: Guarantee, direction: str) -> tuple[str, ...]:
    return ("kept",)


ROUTES = (
    Route(
        name="guarantee",
        why="a sentence of the documentation, or what PyTorch's users rely on",
        subjects=(Guarantee,),
        overload="",
        directions={PYTHON_TO_DOTNET: holds},
        checks=_checks,
    ),
)
