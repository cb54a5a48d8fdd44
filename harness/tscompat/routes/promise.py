"""What the documentation says, and what a person takes for granted, tried on the real TorchSharp.

May import models, torch_side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tscompat import codec, torch_side
from tscompat.catalogue import Case
from tscompat.models import loading
from tscompat.verdict import Kind, Verdict

from . import judging, pybridge
from .route import PYTHON_TO_DOTNET, Job, Route


def python_state_dict(job: Job) -> None:
    """``model.to("cpu").state_dict()`` of a model on the job's device, in the artifact."""
    module = loading.bag(job.case, job.entries).to(job.writer_device)
    codec.write_state_dict(job.artifact, torch_side.export(module.to("cpu").state_dict()))


def python_pickle(job: Job) -> None:
    """``torch.save(model.state_dict())``, in the artifact."""
    pybridge.write_pickle(loading.bag(job.case, job.entries).state_dict(), job.artifact)


BEFORE: Mapping[str, Callable[[Job], None]] = {
    "python-state-dict-from-the-cpu": python_state_dict,
    "pybridge-keeps-training-and-gradients": python_pickle,
}
"""What Python does before the peer tries a promise."""


def keep(job: Job) -> Mapping[str, Verdict]:
    """Have the peer try the promise."""
    promise = job.case.promise
    assert promise is not None
    if promise.probe in BEFORE:
        BEFORE[promise.probe](job)
    answer = job.ask("probe", job.reader_device)
    if "unable" in answer:
        return {"kept": Verdict(Kind.NOT_RUN, answer["unable"])}
    refused = judging.refused(answer, job)
    if refused or answer["observed"] == promise.observed:
        return {"kept": refused or judging.PASS}
    return {"kept": Verdict(Kind(promise.otherwise), f"{answer['observed']}; due is: {promise.observed}")}


def _checks(case: Case, direction: str) -> tuple[str, ...]:
    return ("kept",)


ROUTES = (
    Route(
        name="promise",
        why="a sentence of the documentation, or what is taken for granted",
        directions={PYTHON_TO_DOTNET: keep},
        checks=_checks,
    ),
)
