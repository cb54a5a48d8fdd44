"""Rounding errors that are drawn scatter as real ones do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.rounding import Reference, reference
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import as_float64

SAMPLES = 16


def drawn(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(7))


def references(dtype: str, compute: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> Reference:
    wide = [each.double() for each in inputs]
    return reference(lambda: torch_tensors.export({"0": compute(*wide)}), BY_NAME[dtype], SAMPLES)["0"]


def attention(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(query, key, key)


def normalized(x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x + 3, x.shape[-1:])


def probabilities(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x, -1)


def chained(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(functional.linear(torch.sigmoid(x) * 3 - 1, x))


OPERATIONS: Mapping[str, tuple[Any, *tuple[torch.Tensor, ...]]] = {
    "linear": (functional.linear, drawn(64, 32), drawn(32, 32)),
    "bmm": (torch.bmm, drawn(16, 5, 8), drawn(16, 8, 6)),
    "conv2d": (functional.conv2d, drawn(2, 4, 12, 12), drawn(8, 4, 3, 3)),
    "conv_transpose2d": (functional.conv_transpose2d, drawn(2, 8, 6, 6), drawn(8, 4, 3, 3)),
    "sum": (torch.sum, drawn(64, 64)),
    "softmax": (probabilities, drawn(64, 8, scale=3)),
    "gelu": (functional.gelu, drawn(64, 32, scale=3)),
    "layer-norm": (normalized, drawn(64, 32)),
    "attention": (attention, drawn(4, 2, 16, 8), drawn(4, 2, 16, 8)),
    "chain": (chained, drawn(32, 32)),
}


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_deviation_is_that_of_torchs_own_errors(name: str, dtype: str) -> None:
    """Torch's errors, in standard deviations, have a root mean square of about one: not far more, not far less."""
    compute, *inputs = OPERATIONS[name]
    rounded = [each.to(native.torch_dtype(BY_NAME[dtype])) for each in inputs]
    found = references(dtype, compute, *rounded)
    errors = as_float64(torch_tensors.from_torch(compute(*rounded))) - found.exact
    size = float(np.sqrt(np.mean(np.square(errors / found.deviation))))
    assert (0.0 if name == "sum" else 0.1) < size < (6.0 if name == "sum" else 2.0)


def test_operations_that_only_move_numbers_have_no_error() -> None:
    def compute(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.T.relu(), x.T[:, :1]], 1)[2:]

    found = references("bf16", compute, drawn(4, 4))
    assert not found.deviation.any()


def test_the_errors_of_float64_are_drawn_larger_and_scaled() -> None:
    compute, *inputs = OPERATIONS["chain"]
    ratio = references("f32", compute, *inputs).deviation / references("f64", compute, *inputs).deviation
    assert np.allclose(ratio, 2.0**29 / np.sqrt(2), rtol=1e-3)


def test_the_draws_are_the_same_each_time() -> None:
    compute, *inputs = OPERATIONS["chain"]
    one, other = (references("f32", compute, *inputs).deviation for _ in range(2))
    assert np.array_equal(one, other)


def test_errors_that_elements_share_are_not_independent() -> None:
    def each(x: torch.Tensor) -> torch.Tensor:
        return x * 3

    def sums(x: torch.Tensor) -> torch.Tensor:
        return (x * 3).sum() + torch.zeros(100, dtype=x.dtype)

    assert references("f32", sums, drawn(100)).independent < 10 < references("f32", each, drawn(100)).independent


def test_an_error_in_place_reaches_what_is_computed_next() -> None:
    def compute(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y.mul_(3).sub_(3 * x)
        return y

    assert references("f32", compute, drawn(8)).deviation.all()


def test_running_statistics_have_errors() -> None:
    def compute(x: torch.Tensor) -> torch.Tensor:
        norm = torch.nn.BatchNorm1d(4).double()
        norm(x)
        assert isinstance(norm.running_mean, torch.Tensor)
        return norm.running_mean

    assert references("f32", compute, drawn(8, 4)).deviation.all()


def test_a_number_near_zero_is_allowed_the_smallest_step_of_its_type() -> None:
    def third(x: torch.Tensor) -> torch.Tensor:
        return x / 3

    assert references("f16", third, torch.full((4,), 3 * 2.0**-24)).deviation.min() >= 2.0**-24
