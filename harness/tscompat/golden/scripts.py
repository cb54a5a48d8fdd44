"""Upstream's exportsd.py as a writer of golden files, and importsd.py as a reader. A person gives the paths to them.

May import values, codec, catalogue, python_side, routes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tscompat.catalogue import Case
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.python_side.scripts import Script
from tscompat.python_side.torch_optimizers import saved_of
from tscompat.routes.scripts import read_state_dict, write_state_dict, write_tensor
from tscompat.values.tensors import StateDict

from .manifest import Format
from .optimizers import parameters_of, record_of

Export = Callable[[Script, Case, StateDict, Path], None]
"""Takes the script, the case, its entries and the file. Raises ScriptRaised."""


def _of_state(write: Callable[[Script, Path, Mapping[str, Any]], None]) -> Export:
    def export(script: Script, case: Case, entries: StateDict, file: Path) -> None:
        subject: Any = case.subject
        write(script, file, native.state(subject, entries))

    return export


def _optimizer(script: Script, case: Case, entries: StateDict, file: Path) -> None:
    subject: Any = case.subject
    run = OptimizerRun(subject, parameters_of(case.id, subject))
    run.load(saved_of(record_of(case.id, subject), run.sizes))
    with file.open("wb") as stream:
        script.call(f"save_{subject.optimizer.lower()}", run.optimizer, stream)


EXPORTS: Mapping[Format, Export] = {
    Format.DAT: _of_state(write_state_dict),
    Format.TENSOR: _of_state(write_tensor),
    Format.OPTIMIZER: _optimizer,
}
"""The formats that exportsd.py writes."""


def imported(script: Script, file: Path) -> StateDict:
    """The entries of a .dat file, as importsd.py reads it. Raises ScriptRaised."""
    return torch_tensors.export(read_state_dict(script, file))
