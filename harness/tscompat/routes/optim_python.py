"""The routes of optimizers that Python's own writers save: torch.save (for PyBridge), and upstream's exportsd.py.

May import values, codec, catalogue, python_side.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from tscompat.catalogue import OptimizerCase
from tscompat.codec import OptimizerRecord
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.python_side.scripts import ScriptRaised
from tscompat.values.verdict import Verdict

from . import judging
from .formats import UNREADABLE
from .optim import CHECKS, OptimizerJob, checks, dotnet_to_python, python_to_dotnet, written
from .route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET, Job, Route
from .scripts import refused, script_of


def write_pickle(job: Job[OptimizerCase], run: OptimizerRun) -> None:
    """Save the optimizer as PyTorch's tutorials do."""
    torch.save(run.optimizer.state_dict(), job.artifact)


def read_pickle(job: Job[OptimizerCase], run: OptimizerRun) -> Verdict | None:
    """Load the optimizer as PyTorch's tutorials do."""
    try:
        run.load(torch.load(job.artifact, weights_only=True))
    except UNREADABLE as error:
        return judging.unreadable(error, job)


def write_by_script(job: Job[OptimizerCase], run: OptimizerRun) -> Verdict | None:
    """Have exportsd.py write the optimizer, by its function for that class."""
    try:
        with job.artifact.open("wb") as stream:
            script_of(job).call(f"save_{job.subject.optimizer.lower()}", run.optimizer, stream)
    except ScriptRaised as raised:
        return refused(raised, job)


def no_reference(optimizer: OptimizerJob, record: OptimizerRecord) -> Mapping[str, Verdict]:
    """Returns {}: PyBridge's files have no reference bytes."""
    return {}


ROUTES = (
    *(
        Route(
            name=name,
            why=why,
            subjects=(OptimizerCase,),
            overload=name,
            directions={
                PYTHON_TO_DOTNET: partial(python_to_dotnet, write_pickle, no_reference),
                DOTNET_TO_PYTHON: partial(dotnet_to_python, read_pickle, no_reference),
            },
            checks=partial(checks, CHECKS[1:]),
        )
        for name, why in (
            ("pybridge-optimizer", "torch.save of optimizer.state_dict() and load_py; save_py and torch.load"),
            ("pybridge-optimizer-stream", "the same with load_py(Stream) and save_py(Stream)"),
        )
    ),
    Route(
        name="exportsd-optimizer",
        why="save_sgd, save_adam, ... of upstream's exportsd.py, Optimizer.load_state_dict(path); takes --exportsd",
        subjects=(OptimizerCase,),
        overload="optimizer-path",
        directions={PYTHON_TO_DOTNET: partial(python_to_dotnet, write_by_script, written)},
        checks=partial(checks, CHECKS),
        script="exportsd",
    ),
)
