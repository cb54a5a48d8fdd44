"""Optimizers of torch that do what TorchSharp 0.107.0 does otherwise: what a known divergence predicts of a step.

Imports torch alone. Each has the name, options and state of the one of ``torch.optim`` that it replaces, and loads and
saves as that one does. The facts are those of ``step`` in TorchSharp's Optimizers/*.cs: the operations and their order,
so that narrow dtypes are rounded alike; numbers that are not tensors are doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

Group: TypeAlias = Mapping[str, Any]
State: TypeAlias = dict[str, Any]


class _Steps(torch.optim.Optimizer):
    """Steps one parameter after the other, each by ``update``."""

    numbers: ClassVar[Mapping[str, str]] = {}
    """The fields of a state that are numbers with a first value other than 0: ``1``, or the name of an option."""
    tensors: tuple[str, ...] = ()
    """The fields of a state that are tensors of the parameter's shape."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As the base class does: those of torch's optimizers round numbers to float32."""
        torch.optim.Optimizer.__setstate__(self, state)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make a step. ``closure`` is not called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(group, parameter, self._started(group, parameter), _gradient(group, parameter))

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        """Change the parameter and its state in place."""
        raise NotImplementedError

    def _started(self, group: Group, parameter: Tensor) -> State:
        """The parameter's state, with torch's first values if it has none yet."""
        state: State = self.state[parameter]
        if not state:
            state.update({field: torch.zeros_like(parameter) for field in self.tensors})
        state.setdefault("step", torch.zeros(()))
        for field, first in self.numbers.items():
            state[field] = float(state.get(field, 1.0 if first == "1" else group[first]))
        return state


def _gradient(group: Group, parameter: Tensor) -> Tensor:
    gradient = parameter.grad
    assert gradient is not None
    return -gradient if group.get("maximize") else gradient


def _decayed(group: Group, parameter: Tensor, gradient: Tensor) -> Tensor:
    return gradient.add(parameter, alpha=group["weight_decay"]) if group["weight_decay"] else gradient


def _counted(state: State) -> int:
    """The number of this step, from 1."""
    state["step"] += 1
    return int(state["step"])


class SGD(_Steps, torch.optim.SGD):
    """Maximizes by adding the update with the other sign at the end: weight decay makes the parameters grow, and the
    momentum buffer has the sign of the gradient.
    """

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        sign = -1 if group["maximize"] else 1
        gradient = _decayed(group, parameter, sign * gradient)
        state.pop("step")  # torch's SGD counts no steps
        if group["momentum"]:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = gradient.clone()
            else:
                buffer.mul_(group["momentum"]).add_(gradient, alpha=1 - group["dampening"])
            gradient = gradient.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
        parameter.add_(gradient, alpha=-sign * group["lr"])


class RAdam(_Steps, torch.optim.RAdam):
    """Multiplies a rectified update by the learning rate twice. Squares complex gradients."""

    tensors = ("exp_avg", "exp_avg_sq")

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        step, (beta1, beta2), rate = _counted(state), group["betas"], group["lr"]
        gradient = _decayed(group, parameter, gradient)
        average = state["exp_avg"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        update = average / (1 - beta1**step) * rate
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / (1 - beta2**step)
        if length > 5:
            rectified = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            update = update * rate * (math.sqrt(1 - beta2**step) / square.sqrt().add_(group["eps"])) * rectified
        parameter.add_(update, alpha=-1)


class RMSprop(_Steps, torch.optim.RMSprop):
    """Makes both buffers, whatever the options need. Squares complex gradients."""

    tensors = ("square_avg", "momentum_buffer", "grad_avg")

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        _counted(state)
        alpha, rate = group["alpha"], group["lr"]
        gradient = _decayed(group, parameter, gradient)
        square = state["square_avg"].mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
        if group["centered"]:
            average = state["grad_avg"].mul_(alpha).add_(gradient, alpha=1 - alpha)
            square = square.addcmul(average, average, value=-1)
        divisor = square.sqrt().add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(gradient, divisor)
            parameter.add_(buffer, alpha=-rate)
        else:
            parameter.addcdiv_(gradient, divisor, value=-rate)


class Adam(_Steps, torch.optim.Adam):
    """Multiplies complex gradients by their conjugate."""

    tensors = ("exp_avg", "exp_avg_sq")

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        step = _counted(state)
        gradient = _decayed(group, parameter, gradient)
        _adam(group, parameter, state, step, gradient, gradient.conj())


class AdamW(_Steps, torch.optim.AdamW):
    """Squares complex gradients."""

    tensors = ("exp_avg", "exp_avg_sq")

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        step = _counted(state)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        _adam(group, parameter, state, step, gradient, gradient)


def _adam(group: Group, parameter: Tensor, state: State, step: int, gradient: Tensor, other: Tensor) -> None:
    """The moments, the second of ``gradient`` times ``other``, and the update."""
    beta1, beta2 = group["betas"]
    average = state["exp_avg"].mul_(beta1).add_(gradient, alpha=1 - beta1)
    square = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, other, value=1 - beta2)
    if group["amsgrad"]:
        largest = state.setdefault("max_exp_avg_sq", torch.zeros_like(parameter))
        square = torch.maximum(largest, square, out=largest)
    divisor = (square.sqrt() / math.sqrt(1 - beta2**step)).add_(group["eps"])
    parameter.addcdiv_(average, divisor, value=-group["lr"] / (1 - beta1**step))


class NAdam(_Steps, torch.optim.NAdam):
    """Squares complex gradients. Keeps ``mu_product`` as a double, which torch keeps in float32."""

    tensors = ("exp_avg", "exp_avg_sq")
    numbers: ClassVar = {"mu_product": "1"}

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        step, (beta1, beta2), rate = _counted(state), group["betas"], group["lr"]
        gradient = _decayed(group, parameter, gradient)
        mu, next_mu = (beta1 * (1 - 0.5 * 0.96 ** (each * group["momentum_decay"])) for each in (step, step + 1))
        product = state["mu_product"] = state["mu_product"] * mu
        average = state["exp_avg"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        divisor = square.div(1 - beta2**step).sqrt_().add_(group["eps"])
        parameter.addcdiv_(gradient, divisor, value=-rate * (1 - mu) / (1 - product))
        parameter.addcdiv_(average, divisor, value=-rate * next_mu / (1 - product * next_mu))


class ASGD(_Steps, torch.optim.ASGD):
    """Keeps ``eta`` and ``mu`` as doubles, which torch keeps in float32."""

    tensors = ("ax",)
    numbers: ClassVar = {"eta": "lr", "mu": "1"}

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        step, rate, lambd = _counted(state), group["lr"], group["lambd"]
        eta, mu, average = state["eta"], state["mu"], state["ax"]
        gradient = _decayed(group, parameter, gradient)
        parameter.mul_(1 - lambd * eta).add_(gradient, alpha=-eta)
        if mu == 1:
            average.copy_(parameter)
        else:
            average.add_(parameter.sub(average).mul_(mu))
        state["eta"] = rate / (1 + lambd * rate * step) ** group["alpha"]
        state["mu"] = 1 / max(1, step - group["t0"])


class Adadelta(_Steps, torch.optim.Adadelta):
    """Counts no steps. Squares complex gradients."""

    tensors = ("square_avg", "acc_delta")

    def update(self, group: Group, parameter: Tensor, state: State, gradient: Tensor) -> None:
        rho, eps = group["rho"], group["eps"]
        gradient = _decayed(group, parameter, gradient)
        square, changes = state["square_avg"], state["acc_delta"]
        square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        change = changes.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(gradient)
        parameter.add_(change, alpha=-group["lr"])
        changes.mul_(rho).addcmul_(change, change, value=1 - rho)


class Adagrad(torch.optim.Adagrad):
    """Starts with the initial value that each group has, which is no fault: torch's starts with that of the constructor
    in all groups.
    """

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["sum"].fill_(group["initial_accumulator_value"])


FAULTY: Mapping[str, type[torch.optim.Optimizer]] = {
    kind.__name__: kind for kind in (SGD, RAdam, RMSprop, Adam, AdamW, NAdam, ASGD, Adadelta, Adagrad)
}
"""The optimizers whose step differs from torch's for some options or dtypes, by the name of the class in torch."""
