"""Optimizers by Python's own writers: torch.save, by way of PyBridge, and upstream's exportsd.py.

May import optim_side, upstream. TorchSharp's half of each route stands in
dotnet_side/inside/optimizers.py, under the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from tscompat.codec import OptimizerRecord
from tscompat.python_side.scripts import ScriptRaised
from tscompat.python_side.torch_optimizers import OptimizerRun
from tscompat.values.verdict import Verdict

from . import judging, scripts
from .optim import CHECKS, OptimizerJob, checks, dotnet_to_python, python_to_dotnet, written
from .pybridge import UNREADABLE
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route


def write_pickle(job: Job, run: OptimizerRun) -> None:
    """As PyTorch's tutorials save an optimizer."""
    torch.save(run.optimizer.state_dict(), job.artifact)


def read_pickle(job: Job, run: OptimizerRun) -> Verdict | None:
    """As they load it."""
    try:
        run.load(torch.load(job.artifact, weights_only=True))
    except UNREADABLE as error:
        return judging.unreadable(error, job)


def write_by_script(job: Job, run: OptimizerRun) -> Verdict | None:
    """exportsd.py has a function for each optimizer."""
    assert job.script is not None
    assert job.case.training is not None
    try:
        with job.artifact.open("wb") as stream:
            job.script.call(f"save_{job.case.training.optimizer.lower()}", run.optimizer, stream)
    except ScriptRaised as raised:
        return scripts.refused(raised, job)


def no_oracle(optimizer_job: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """Nobody says what the bytes of PyBridge's files must be."""
    return {}


ROUTES = (
    Route(
        name="pybridge-optimizer",
        why="torch.save of optimizer.state_dict() and load_py; save_py and torch.load",
        directions={
            PYTHON_TO_DOTNET: partial(python_to_dotnet, write_pickle, no_oracle),
            DOTNET_TO_PYTHON: partial(dotnet_to_python, read_pickle, no_oracle),
        },
        checks=partial(checks, CHECKS[1:]),
    ),
    Route(
        name="exportsd-optimizer",
        why="save_sgd, save_adam, ... of upstream's exportsd.py, Optimizer.load_state_dict(path); takes --exportsd",
        directions={PYTHON_TO_DOTNET: partial(python_to_dotnet, write_by_script, written)},
        checks=partial(checks, CHECKS),
        script="exportsd",
    ),
)
