"""What the documentation says, and what a person takes for granted, tried on the real TorchSharp.

May import codec, torch_side, models. Where a guarantee is about PyTorch too, PyTorch is asked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tscompat import codec
from tscompat.catalogue import Case
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import counterparts
from tscompat.resources.whole import write_whole
from tscompat.values.verdict import Kind, Verdict

from . import judging, pybridge
from .route import PYTHON_TO_DOTNET, Job, Route

Save = Callable[[pybridge.State, Path], None]


def _write_dat(state: pybridge.State, path: Path) -> None:
    write_whole(path, codec.encode_state_dict(torch_tensors.export(state)))


def _write_into_folder(write: Save, name: str, state: pybridge.State, folder: Path) -> None:
    """As ``save_pretrained`` of the transformers library leaves a small model: one file, and no index."""
    folder.mkdir()
    write(state, folder / name)


GIVEN: Mapping[str, Save] = {
    "python-state-dict-from-the-cpu": _write_dat,
    "pybridge-keeps-training-and-gradients": pybridge.write_pickle,
    "pybridge-checkpoint-of-one-pickle": partial(_write_into_folder, pybridge.write_pickle, "pytorch_model.bin"),
    "pybridge-checkpoint-of-one-safetensors": partial(
        _write_into_folder, pybridge.write_safetensors, "model.safetensors"
    ),
}
"""How Python saves a model to the artifact before a probe. The others find none there."""


def keep(job: Job) -> Mapping[str, Verdict]:
    """Have the peer try the guarantee, and PyTorch."""
    guarantee = job.case.guarantee
    assert guarantee is not None
    save = GIVEN.get(guarantee.probe)
    if save:
        save(counterparts.state_from_the_cpu(job.case, job.entries, job.writer_device), job.artifact)
    answer = job.ask("probe", job.reader_device)
    if "unable" in answer:
        return {"kept": Verdict(Kind.NOT_RUN, answer["unable"])}
    refused = judging.refused(answer, job)
    if refused:
        return {"kept": refused}
    ours = counterparts.observe(job.case, job.entries, job.artifact.with_suffix(".torch"))
    for side, seen in (("PyTorch", ours or guarantee.observed), ("TorchSharp", answer["observed"])):
        if seen != guarantee.observed:
            return {"kept": Verdict(Kind(guarantee.otherwise), f"{side}: {seen}; due is: {guarantee.observed}")}
    return {"kept": judging.PASS}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("kept",)


ROUTES = (
    Route(
        name="guarantee",
        why="a sentence of the documentation, or what is taken for granted",
        directions={PYTHON_TO_DOTNET: keep},
        checks=_checks,
    ),
)
