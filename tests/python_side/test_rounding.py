"""Rounding errors that are drawn scatter as real ones do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.rounding import Reference, reference, reference_of_all, rounded_once
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


def weight_gradient(x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    grad: Any = import_module("torch.nn.grad")
    return grad.conv2d_weight(x, (8, 4, 3, 3), gradient)


OPERATIONS: Mapping[str, tuple[Any, *tuple[torch.Tensor, ...]]] = {
    "linear": (functional.linear, drawn(64, 32), drawn(32, 32)),
    "bmm": (torch.bmm, drawn(16, 5, 8), drawn(16, 8, 6)),
    "conv2d": (functional.conv2d, drawn(2, 4, 12, 12), drawn(8, 4, 3, 3)),
    "conv_transpose2d": (functional.conv_transpose2d, drawn(2, 8, 6, 6), drawn(8, 4, 3, 3)),
    "conv2d-backward": (weight_gradient, drawn(4, 4, 24, 24), drawn(4, 8, 22, 22)),
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


@pytest.mark.parametrize(("rest", "times"), [(0.0, 1), (1e-9, 4)], ids=["zeros", "others"])
def test_products_with_zeros_round_nothing(rest: float, times: float) -> None:
    """A row of 64 numbers rounds as much with 960 zeros behind it; with 960 others, however small, four times so."""
    row, weight = drawn(32, 64), drawn(16, 1024)
    alone = references("f32", functional.linear, row, weight[:, :64])
    longer = references("f32", functional.linear, torch.cat([row, rest * drawn(32, 960)], 1), weight)
    assert np.median(longer.deviation / alone.deviation) == pytest.approx(times, rel=0.25)


def test_padding_rounds_nothing() -> None:
    """A kernel of 3 x 3 over one pixel adds as many products as one of 1 x 1."""
    x, weight = drawn(8, 64, 1, 1), drawn(32, 64, 3, 3)
    padded = references("f32", partial(functional.conv2d, padding=1), x, weight)
    bare = references("f32", functional.conv2d, x, weight[:, :, 1:2, 1:2])
    assert np.median(padded.deviation / bare.deviation) == pytest.approx(1, abs=0.25)


def test_each_group_of_a_convolution_adds_its_own_channels() -> None:
    x, weight = drawn(8, 64, 4, 4), drawn(32, 16, 3, 3)
    groups = references("f32", partial(functional.conv2d, groups=4), x, weight)
    first = references("f32", functional.conv2d, x[:, :16], weight[:8])
    assert np.median(groups.deviation) / np.median(first.deviation) == pytest.approx(1, abs=0.25)


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


def test_an_element_whose_draws_were_small_has_some_of_the_whole_tensors() -> None:
    """Four draws with the mean variance are added to the sixteen: less than a fifth of the mean is in no element."""
    values = torch.tensor([1e-4, 1.0, 1.0, 1.0])
    found = references("f32", torch.sqrt, values)
    mean = float(np.square(found.deviation).mean())
    assert found.deviation[0] == pytest.approx(np.sqrt(mean / 5), rel=0.3)


def test_small_numbers_beside_large_ones_are_held_to_their_own_size() -> None:
    """The roots differ by a factor of 10^6, and so do their errors: the small one's grows by a hundred at most."""
    found = references("f32", torch.sqrt, torch.tensor([1e-12, 1.0, 1.0, 1.0]))
    alone = references("f32", torch.sqrt, torch.full((4,), 1e-12))
    assert 30 < found.deviation[0] / alone.deviation[0] < 120


def test_a_number_that_no_sample_moves_has_some_of_the_whole_tensors_error() -> None:
    """A real error may be on the other side of relu's kink."""

    def compute(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x / 3)

    found = references("f32", compute, torch.tensor([-1e-3, 1.0]))
    assert found.deviation[0] > 0.2 * found.deviation[1]


# Many samples at once.


def at_once(dtype: str, compute: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor) -> Reference:
    many = values.double().expand(SAMPLES, *values.shape).contiguous()
    return reference_of_all(lambda: torch_tensors.export({"0": compute(many)}), BY_NAME[dtype], SAMPLES)["0"]


def sums(x: torch.Tensor) -> torch.Tensor:
    return x.sqrt().add_(0.5).div_(x + 1)


@pytest.mark.parametrize("dtype", ["f64", "f32", "bf16"])
def test_samples_at_once_scatter_as_one_after_the_other(dtype: str) -> None:
    values = drawn(200).abs()
    one, other = references(dtype, sums, values), at_once(dtype, sums, values)
    assert np.array_equal(one.exact, other.exact)
    assert np.median(other.deviation / one.deviation) == pytest.approx(1, abs=0.15)


def test_a_number_has_one_error_for_all_elements_of_a_sample() -> None:
    def product(x: torch.Tensor) -> torch.Tensor:
        return x.clone().mul_(0.3)

    values = drawn(200)
    one, other = references("bf16", product, values), at_once("bf16", product, values)
    assert np.median(other.deviation / one.deviation) == pytest.approx(2**0.5, abs=0.2)
    assert other.independent < 20 < one.independent


def test_a_product_of_two_tensors_has_no_number() -> None:
    values = drawn(200)
    found = at_once("bf16", lambda x: x * x, values)
    assert found.independent > 20


def test_an_interpolation_rounds_its_tensor_too() -> None:
    def interpolated(x: torch.Tensor) -> torch.Tensor:
        return x.clone().lerp_(-x, 0.5)  # the result is 0, and so has no error of its own

    assert references("f32", interpolated, drawn(8)).deviation.all()


def test_numbers_of_float32_are_the_same_in_every_dtype() -> None:
    def counted(x: torch.Tensor) -> torch.Tensor:
        return x + torch.ones(x.shape, dtype=torch.float32).add_(2).sub_(3).double()

    found = at_once("bf16", lambda x: counted(x * 0), drawn(8))
    assert not found.deviation.any()


def test_the_parts_of_a_complex_product_have_errors_of_its_modulus() -> None:
    values = torch.full((50,), 1 + 1j, dtype=torch.complex128)  # the real part of its square is 0
    many = values.expand(SAMPLES, 50).contiguous()
    found = reference_of_all(lambda: torch_tensors.export({"0": many * many}), BY_NAME["c64"], SAMPLES)["0"]
    real, imaginary = found.deviation[::2], found.deviation[1::2]
    assert np.median(real) == pytest.approx(np.median(imaginary), rel=0.2)


def test_a_number_that_is_rounded_once_is_off_by_its_own_rounding() -> None:
    found = rounded_once(torch_tensors.from_torch(torch.tensor([2.0, 0.0], dtype=torch.float64)), BY_NAME["f32"])
    assert found.deviation.tolist() == [pytest.approx(0.416 * 2.0**-23, rel=0.01), 0.0]
