"""torch's optimizers: from cases, and from what they save to optimizer records and back, by tables.

May import dtypes, tensors, codec, catalogue, torch_side. Never imported in a peer, as torch_side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .catalogue import Training
from .codec import optimizer
from .codec.optimizer import Kind, OptimizerRecord, Value
from .tensors import StateDict, Tensor
from .torch_side import LAYOUTS, export, from_torch, to_torch

Saved = dict[str, Any]
"""What ``torch.optim.Optimizer.state_dict`` returns: ``state`` by the number of the parameter, and ``param_groups``."""

_IN_DOTNET = {"RMSprop": "RMSProp"}
"""Where TorchSharp's name of a class is not torch's."""
_PAIRS = {"betas": ("beta1", "beta2"), "etas": ("etaminus", "etaplus"), "step_sizes": ("min_step", "max_step")}
"""One option in torch, two in TorchSharp."""
_NOT_IN_FILES = {"params", "param_names", "initial_lr", "foreach", "fused", "capturable", "differentiable"}
"""Keys of a torch group that say how to compute and not what, or that are dealt with on their own."""
_IMPLIED = {"AdamW": {"decoupled_weight_decay": True}}
"""Options that TorchSharp's class has not, and what it does in their place, if not False."""
_FILLED_WITH = {"step_size": "lr", "sum": "initial_accumulator_value", "eta": "lr"}
"""The option that a state field starts from; the other tensors start from 0, mu and mu_product from 1."""


def name_in_dotnet(torch_name: str) -> str:
    """TorchSharp's class for a class of ``torch.optim``."""
    return _IN_DOTNET.get(torch_name, torch_name)


class Trainer:
    """A case's optimizer at work in torch. ``given`` is what the case's tensors are, or the parameters later on."""

    def __init__(self, training: Training, layout: str, given: StateDict) -> None:
        self._given = dict(given)
        self._layout = LAYOUTS[layout]
        count = sum(group.parameters for group in training.groups)
        self._parameters = {
            name: self._tensor(name).requires_grad_() for name in map("parameter.{}".format, range(count))
        }
        waiting = iter(self._parameters.values())
        groups = [
            {**group.options, "params": [next(waiting) for _ in range(group.parameters)]} for group in training.groups
        ]
        self._optimizer: torch.optim.Optimizer = getattr(torch.optim, training.optimizer)(groups)
        self._name = name_in_dotnet(training.optimizer)

    def step(self, number: int) -> None:
        """One step with the gradients of this number. A parameter that has none is left alone."""
        for name, parameter in self._parameters.items():
            gradient = name.replace("parameter", f"gradient.{number}")
            parameter.grad = self._tensor(gradient) if gradient in self._given else None
        self._optimizer.step()

    def parameters(self) -> StateDict:
        """Their present values, in memory of their own."""
        return export({name: parameter.detach().clone() for name, parameter in self._parameters.items()})

    def record(self) -> OptimizerRecord:
        """What it would save, as TorchSharp's class holds it. Raises ValueError as ``record_of`` does."""
        return record_of(self._name, self._optimizer.state_dict(), list(self._parameters.values()))

    def load(self, record: OptimizerRecord) -> None:
        """Go on from where another one was."""
        self._optimizer.load_state_dict(saved_of(record, self._optimizer.state_dict()))

    def _tensor(self, name: str) -> torch.Tensor:
        return self._layout(to_torch(self._given[name]))


def record_of(name: str, saved: Saved, parameters: Sequence[torch.Tensor]) -> OptimizerRecord:
    """What an optimizer saved, as TorchSharp's class of this ``name`` holds it.

    ``parameters`` are needed for those without a state: TorchSharp gives them one that was never stepped.
    Raises ValueError for an option that the class has not and that would change what it computes.
    """
    layout = optimizer.LAYOUTS[name]
    groups = [_options(name, group) for group in saved["param_groups"]]
    states: list[dict[str, Value]] = []
    for options, group in zip(groups, saved["param_groups"], strict=True):
        for number in group["params"]:
            state = saved["state"].get(number) or _initial(name, options, parameters[len(states)])
            states.append({field: _value(kind, state.get(field)) for field, kind in layout.state.items()})
    return OptimizerRecord(name, groups, states)


def saved_of(record: OptimizerRecord, template: Saved) -> Saved:
    """What ``load_state_dict`` takes. ``template`` is the ``state_dict()`` of the optimizer that will load it.

    Numbers go as they are: torch makes tensors of them, as it does for files of its own old versions.
    """
    return {
        "state": {number: _state_in_torch(state) for number, state in enumerate(record.states)},
        "param_groups": [
            {**group, **_options_in_torch(options, scheduled="initial_lr" in group)}
            for group, options in zip(template["param_groups"], record.groups, strict=True)
        ],
    }


def as_torch_keeps(record: OptimizerRecord) -> OptimizerRecord:
    """The record after torch has held it: eta, mu and mu_product are float32 tensors there, doubles in TorchSharp."""
    return record._replace(
        states=[
            {name: float(np.float32(value)) if isinstance(value, float) else value for name, value in state.items()}
            for state in record.states
        ]
    )


def _options(name: str, group: Mapping[str, Any]) -> dict[str, float]:
    kinds = optimizer.LAYOUTS[name].options
    flat: dict[str, Any] = {"initial_lr": group.get("initial_lr", group["lr"])}
    for option, value in group.items():
        if option in _PAIRS:
            flat.update(zip(_PAIRS[option], value, strict=True))
        elif option in kinds:
            flat[option] = value
        elif option not in _NOT_IN_FILES and value != _IMPLIED.get(name, {}).get(option, False):
            raise ValueError(f"TorchSharp's {name} has no {option}, and it is {value!r} here")
    return {option: bool(flat[option]) if kind == "bool" else float(flat[option]) for option, kind in kinds.items()}


def _options_in_torch(options: Mapping[str, float], *, scheduled: bool) -> dict[str, Any]:
    flat = dict(options)
    if flat["initial_lr"] == flat["lr"] and not scheduled:
        del flat["initial_lr"]  # a scheduler's: its presence alone changes what a scheduler does
    pairs = {option: parts for option, parts in _PAIRS.items() if parts[0] in flat}
    paired = {option: tuple(flat.pop(part) for part in parts) for option, parts in pairs.items()}
    return flat | paired


def _value(kind: Kind, value: Any) -> Value:
    if value is None:
        return None
    if kind.startswith("tensor"):
        return from_torch(value)
    return int(value) if kind == "i64" else float(value)


def _state_in_torch(state: Mapping[str, Value]) -> dict[str, Any]:
    return {
        field: to_torch(value) if isinstance(value, Tensor) else float(value)
        for field, value in state.items()
        if value is not None
    }


def _initial(name: str, options: Mapping[str, float], parameter: torch.Tensor) -> dict[str, Any]:
    """The state of a parameter that was never stepped, as Initialize of TorchSharp's State makes it."""
    state: dict[str, Any] = {}
    for field, kind in optimizer.LAYOUTS[name].state.items():
        start = options[_FILLED_WITH[field]] if field in _FILLED_WITH else 0.0 if kind != "f64" else 1.0
        absent = name == "SGD" or (field == "max_exp_avg_sq" and not options["amsgrad"])
        if kind in ("f64", "i64"):
            state[field] = start
        elif not absent:
            state[field] = torch.full_like(parameter, complex(start, start) if parameter.is_complex() else start)
    return state
