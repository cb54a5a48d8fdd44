"""Runs the optimizer of a case in torch, and what it would compute without rounding.

May import values, codec, catalogue. What is computed has one name in all comparisons: ``step.3.parameter.0`` is a
parameter after the step with the gradients ``gradient.3.0``, ``state.0.exp_avg`` a state after the last step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from tscompat.catalogue import OptimizerCase, load_bounds
from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS as FIELDS
from tscompat.codec.optimizer import flat_states
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict, Tensor

from . import rounding
from .faulty_optimizers import FAULTY
from .rounding import Reference
from .torch_optimizers import Saved, name_in_dotnet, record_as_found, saved_of
from .torch_tensors import LAYOUTS, export, from_torch, to_torch


@dataclass(frozen=True)
class Start:
    """Where an optimizer begins some steps."""

    case: OptimizerCase
    given: StateDict
    """The parameters, and the gradients of all steps, under the case's names."""
    record: OptimizerRecord | None = None
    """Its options and state; None for those that its constructor makes."""
    faulty: bool = False
    """Whether it repeats TorchSharp's faults."""


class OptimizerRun:
    """The optimizer of a case in torch, with its parameters."""

    def __init__(self, case: OptimizerCase, given: StateDict, device: str = "cpu", *, faulty: bool = False) -> None:
        """``given`` has parameters and gradients under the case's names. The parameters may have later values.

        With ``faulty`` the optimizer repeats TorchSharp's faults, where they are known.
        """
        self._given = dict(given)
        self._layout = LAYOUTS[case.layout]
        self._device = device
        self._name = case.optimizer
        self.sizes = [group.parameters for group in case.groups]
        """How many parameters each group has."""
        self._parameters = {
            name: self._tensor(name).requires_grad_() for name in map("parameter.{}".format, range(sum(self.sizes)))
        }
        waiting = iter(self._parameters.values())
        groups = [
            {**group.options, "params": [next(waiting) for _ in range(group.parameters)]} for group in case.groups
        ]
        kind: Any = (FAULTY.get(self._name) if faulty else None) or getattr(torch.optim, self._name)
        self.optimizer: torch.optim.Optimizer = kind(groups)

    @classmethod
    def begun(cls, start: Start) -> OptimizerRun:
        """The optimizer at its start. What the record has beside the fields and parameters of the case has no effect.

        Raises KeyError for a record that lacks an option.
        """
        run = cls(start.case, start.given, faulty=start.faulty)
        if start.record is not None:
            fields = FIELDS[start.record.name].state
            states = [
                {field: value for field, value in state.items() if field in fields}
                for state in start.record.states[: sum(run.sizes)]
            ]
            run.load(saved_of(start.record._replace(states=states), run.sizes))
        return run

    def step(self, number: int) -> None:
        """Make a step with the gradients of step ``number``. A parameter without a gradient stays as it is."""
        for name, parameter in self._parameters.items():
            gradient = name.replace("parameter", f"gradient.{number}")
            parameter.grad = self._tensor(gradient) if gradient in self._given else None
        self.optimizer.step()

    def steps(self, numbers: Sequence[int]) -> StateDict:
        """Make these steps; returns the parameters after each."""
        stepped: StateDict = []
        for number in numbers:
            self.step(number)
            stepped += after_step(number, self.parameters())
        return stepped

    def parameters(self) -> StateDict:
        """Copies of the parameters' present values."""
        return export({name: parameter.detach().clone() for name, parameter in self._parameters.items()})

    def record(self) -> OptimizerRecord:
        """A copy of the optimizer's options and state, as ``record_as_found`` makes a record of them. Raises what it
        raises.
        """
        saved = copy.deepcopy(self.optimizer.state_dict())
        return record_as_found(self._name, saved, list(self._parameters.values()))

    def load(self, saved: Saved) -> None:
        """Load another optimizer's options and state, and reset the parameters to the given values."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._tensor(name))
        self.optimizer.load_state_dict(saved)

    def _tensor(self, name: str) -> torch.Tensor:
        return self._layout(to_torch(self._given[name])).to(self._device)


def after_step(number: int, parameters: StateDict) -> StateDict:
    """The parameters under the names that they have after a step."""
    return [Entry(f"step.{number}.{name}", tensor) for name, tensor in parameters]


def stepped(
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: str,
    targets: Sequence[torch.Tensor],
    output_of: Callable[[int], torch.Tensor],
) -> StateDict:
    """The loss of each step of a training (``loss.STEP``), and the state dict after it (``step.STEP.NAME``).

    ``loss`` is a function of torch.nn.functional; ``output_of`` runs the module on the batch of a step.
    """
    loss_of: Any = getattr(torch.nn.functional, loss)
    results: StateDict = []
    for step, target in enumerate(targets):
        optimizer.zero_grad()
        found = loss_of(output_of(step), target)
        found.backward()
        optimizer.step()
        results += export({f"loss.{step}": found.detach()})
        after = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
        results += after_step(step, export(after))
    return results


def states(record: OptimizerRecord) -> StateDict:
    """The states but for the counts of steps, which are compared apart."""
    return [entry for entry in flat_states(record) if not entry.name.endswith(".step")]


def counts(record: OptimizerRecord) -> StateDict:
    """The counts of steps."""
    return [entry for entry in flat_states(record) if entry.name.endswith(".step")]


def results(start: Start, numbers: Sequence[int]) -> StateDict:
    """The parameters after each of these steps, and the parameters, states and counts after the last.

    Raises KeyError as ``OptimizerRun.begun`` does.
    """
    run = OptimizerRun.begun(start)
    return [*run.steps(numbers), *run.parameters(), *flat_states(run.record())]


def reference(start: Start, numbers: Sequence[int]) -> Mapping[str, Reference]:
    """The references of the parameters after each of these steps, and of the parameters and states after the last.

    torch keeps the states that are numbers in float32, so each may be off by float32's rounding. Raises KeyError as
    ``OptimizerRun.begun`` does.
    """
    samples = int(load_bounds("rounding")["optimizer-samples"])
    many = Start(
        replace(start.case, layout="contiguous"),
        [Entry(name, _many(tensor, samples)) for name, tensor in start.given],
        start.record and _record_of_many(start.record, samples),
        start.faulty,
    )
    kinds = FIELDS[name_in_dotnet(start.case.optimizer)].state
    in_float32 = tuple(f".{field}" for field, kind in kinds.items() if kind == "f64")
    references = {
        name: rounding.rounded_once(number, BY_NAME["f32"])
        for name, number in results(many, numbers)
        if name.endswith(in_float32)
    }

    def compute() -> StateDict:
        return [entry for entry in results(many, numbers) if not entry.name.endswith(in_float32)]

    dtypes = [tensor.dtype for name, tensor in start.given if name.startswith("parameter.")]
    for dtype in dict.fromkeys(dtypes):
        found = rounding.reference_of_all(compute, dtype, samples)
        references |= {name: each for name, each in found.items() if dtypes[_parameter_of(name)] is dtype}
    return references


def _parameter_of(name: str) -> int:
    """The number of the parameter to which a parameter's or state's name belongs."""
    first, second, *_ = name.split(".")
    return int(second if first == "state" else name.rsplit(".", 1)[1])


def _record_of_many(record: OptimizerRecord, samples: int) -> OptimizerRecord:
    return record._replace(
        states=[
            {field: _many(value, samples) if isinstance(value, Tensor) else value for field, value in state.items()}
            for state in record.states
        ]
    )


def _many(tensor: Tensor, samples: int) -> Tensor:
    """So many copies of a tensor in one, in float64, which holds its numbers exactly."""
    numbers = to_torch(tensor)
    wide = numbers.to(torch.complex128 if numbers.is_complex() else torch.float64)
    return from_torch(wide.expand(samples, *wide.shape).contiguous())
