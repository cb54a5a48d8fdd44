"""The optimizers that repeat TorchSharp's faults: their numbers are those that TorchSharp 0.107.0 printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tscompat.python_side import faulty_optimizers
from tscompat.python_side.faulty_optimizers import FAULTY

Numbers = list[float]


def stepped(name: str, steps: int, kinds: Any = faulty_optimizers, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A parameter and its state after some steps with one gradient."""
    parameter = torch.tensor([1, -0.5], dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.tensor([0.5, 0.75], dtype=torch.float64)
    optimizer = getattr(kinds, name)([parameter], lr=0.1, **options)
    for _ in range(steps):
        optimizer.step()
    return parameter.detach(), optimizer.state[parameter]


MEASURED: list[tuple[str, int, dict[str, Any], Numbers]] = [
    ("SGD", 2, {"weight_decay": 0.5, "maximize": True}, [1.205, -0.3975]),
    ("SGD", 2, {"momentum": 0.9, "maximize": True}, [1.145, -0.2825]),
    ("RAdam", 6, {}, [0.7497417889387343, -0.8752582110835162]),
    ("NAdam", 2, {}, [0.8159863901656111, -0.6840136110611461]),
    ("ASGD", 2, {}, [0.8999808751679674, -0.6499886875980462]),
    ("Adadelta", 2, {}, [0.9993593423755018, -0.5006406648376127]),
]


@pytest.mark.parametrize(("name", "steps", "options", "expected"), MEASURED)
def test_the_parameters_are_those_of_torchsharp(
    name: str, steps: int, options: dict[str, Any], expected: Numbers
) -> None:
    parameter, _ = stepped(name, steps, **options)
    assert parameter.tolist() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "steps", "options", "field", "expected"),
    [
        ("SGD", 2, {"momentum": 0.9, "maximize": True}, "momentum_buffer", [0.95, 1.425]),
        ("RAdam", 6, {}, "exp_avg_sq", [0.001496254996251501, 0.0033665737415658776]),
        ("NAdam", 2, {}, "mu_product", 0.20259919474573693),
        ("ASGD", 2, {}, "eta", 0.09999850002624952),
        ("ASGD", 2, {}, "ax", [0.8999808751679674, -0.6499886875980462]),
        ("Adadelta", 2, {}, "step", 0),
        ("Adadelta", 2, {}, "square_avg", [0.04749999999999999, 0.10687499999999997]),
    ],
)
def test_the_state_is_that_of_torchsharp(
    name: str, steps: int, options: dict[str, Any], field: str, expected: Any
) -> None:
    _, state = stepped(name, steps, **options)
    assert np.asarray(state[field]).tolist() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "steps", "options"),
    [
        ("SGD", 1, {"maximize": True}),
        ("SGD", 3, {"momentum": 0.9, "dampening": 0.25, "weight_decay": 0.125}),
        ("SGD", 3, {"momentum": 0.9, "nesterov": True}),
        ("RAdam", 5, {"weight_decay": 0.125}),
        ("RMSprop", 3, {"centered": True, "momentum": 0.9, "weight_decay": 0.125, "maximize": True}),
        ("Adam", 3, {"amsgrad": True, "weight_decay": 0.125}),
        ("AdamW", 3, {"amsgrad": True, "weight_decay": 0.125, "maximize": True}),
        ("Adadelta", 3, {"weight_decay": 0.125, "maximize": True}),
    ],
)
def test_where_there_is_no_fault_the_step_is_torchs(name: str, steps: int, options: dict[str, Any]) -> None:
    theirs, _ = stepped(name, steps, torch.optim, **options)
    ours, _ = stepped(name, steps, **options)
    assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "steps", "options"),
    [("SGD", 1, {"weight_decay": 0.5, "maximize": True}), ("RAdam", 6, {}), ("NAdam", 2, {}), ("ASGD", 2, {})],
)
def test_where_there_is_a_fault_the_step_is_not_torchs(name: str, steps: int, options: dict[str, Any]) -> None:
    theirs, _ = stepped(name, steps, torch.optim, **options)
    ours, _ = stepped(name, steps, **options)
    assert ours.tolist() != pytest.approx(theirs.tolist(), rel=1e-12)


def test_where_sgd_maximizes_its_momentum_has_the_other_sign() -> None:
    options = {"momentum": 0.9, "maximize": True}
    (_, ours), (_, theirs) = (stepped("SGD", 2, kinds, **options) for kinds in (faulty_optimizers, torch.optim))
    assert torch.equal(ours["momentum_buffer"], -theirs["momentum_buffer"])


def test_rmsprop_has_both_buffers_whatever_its_options() -> None:
    _, state = stepped("RMSprop", 2)
    assert [state[name].tolist() for name in ("momentum_buffer", "grad_avg")] == [[0, 0], [0, 0]]


def test_rmsprop_makes_no_buffer_that_a_loaded_state_lacks() -> None:
    _, loaded = stepped("RMSprop", 1, torch.optim)
    parameter = torch.ones(2, dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.ones(2, dtype=torch.float64)
    optimizer = FAULTY["RMSprop"]([parameter])  # pyright: ignore[reportCallIssue]
    optimizer.state[parameter] = loaded
    optimizer.step()
    assert optimizer.state[parameter].keys() == {"step", "square_avg"}


def test_adagrad_starts_with_the_value_of_each_group() -> None:
    kind: Any = FAULTY["Adagrad"]
    parameter = torch.ones(2, requires_grad=True)
    optimizer = kind([{"params": [parameter], "initial_accumulator_value": 0.25}])
    assert optimizer.state[parameter]["sum"].tolist() == [0.25, 0.25]


@pytest.mark.parametrize(("name", "field"), [("NAdam", "mu_product"), ("ASGD", "eta")])
def test_numbers_are_loaded_as_doubles(name: str, field: str) -> None:
    kind: Any = FAULTY[name]
    parameter = torch.ones(1, requires_grad=True)
    parameter.grad = torch.ones(1)
    optimizer = kind([parameter])
    optimizer.step()
    saved = optimizer.state_dict()
    saved["state"][0][field] = 0.1
    optimizer.load_state_dict(saved)
    assert optimizer.state[parameter][field] == 0.1


GRADIENT = 1 + 2j
SQUARE = {"Adam": GRADIENT * GRADIENT.conjugate()}
"""What the second moment takes of a complex gradient; of the others its square."""


@pytest.mark.parametrize(
    ("name", "field", "rest"),
    [
        ("RAdam", "exp_avg_sq", 0.999),
        ("RMSprop", "square_avg", 0.99),
        ("Adam", "exp_avg_sq", 0.999),
        ("AdamW", "exp_avg_sq", 0.999),
        ("NAdam", "exp_avg_sq", 0.999),
        ("Adadelta", "square_avg", 0.9),
    ],
)
def test_the_second_moment_of_a_complex_gradient(name: str, field: str, rest: float) -> None:
    parameter = torch.tensor([1j], requires_grad=True)
    parameter.grad = torch.tensor([GRADIENT])
    kind: Any = FAULTY[name]
    optimizer = kind([parameter])
    optimizer.step()
    expected = torch.tensor([(1 - rest) * SQUARE.get(name, GRADIENT**2)], dtype=torch.complex64)
    assert torch.allclose(optimizer.state[parameter][field], expected)


@pytest.mark.parametrize("name", [name for name in FAULTY if name != "Adagrad"])
def test_the_state_goes_on_from_that_of_torch(name: str) -> None:
    kind: Any = getattr(torch.optim, name)
    parameter = torch.ones(2, requires_grad=True)
    parameter.grad = torch.full((2,), 0.5)
    before = kind([parameter])
    before.step()
    kind = FAULTY[name]
    after = kind([parameter])
    after.load_state_dict(before.state_dict())
    after.step()
    assert after.state[parameter].keys() == before.state[parameter].keys()
