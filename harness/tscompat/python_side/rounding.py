"""How far rounding moves what torch computes: the computation in float64, repeated with random rounding errors.

May import values. The errors are drawn operation by operation, so they go through the computation as real ones do. An
operation (of aten) that rounds gives each number of its result an error of up to one unit roundoff, u. One that adds n
products gives each of its first operand's numbers an error of √n·u as well, because it rounds each partial sum. A
kernel for 16-bit numbers adds in float32: only its result has the u of the narrow type. docs/bounds.md has the reasons,
and what is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.tensors import StateDict, Tensor, as_float64

DEVIATION = 0.72
"""A rounding error of at most u has a standard deviation of 0.42 u, relative to numbers that are evenly spread over a
binade; so has an even distribution from -0.72 u to 0.72 u."""
MANY = 25
"""With more errors chance explains less and less, but the model of rounding is not exact: so no more are counted."""
PRIOR = 4
"""So many samples with the mean variance of a tensor are added to those of an element whose own variance is smaller."""
MOST = 30_000
"""How many times an element's own variance an added one may be: so its deviation grows a hundredfold at most. Near a
kink of an activation, the samples may all be on the flat side (the slope of leaky_relu is 0.01 there)."""
aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Reference:
    """What a tensor would be without rounding, and how far rounding moves it.

    The arrays are flat; a complex number is two elements.
    """

    exact: NDArray[np.float64]
    deviation: NDArray[np.float64]
    """The standard deviation of the rounding errors of each element."""
    independent: float
    """As many independent errors scatter as much as those of the tensor: few, if many elements share an error. At most
    ``MANY``."""


def reference(compute: Callable[[], StateDict], dtype: DType, samples: int) -> Mapping[str, Reference]:
    """The references of the float and complex tensors that ``compute`` returns, by name.

    ``compute`` computes in float64, each time from the same numbers. ``dtype`` is the one whose rounding is wanted;
    ``samples`` is how often errors are drawn. The draws are the same each time and on each machine.
    """
    rounded: list[Mapping[str, NDArray[np.float64]]] = []
    with _unfused():
        exact = _numbers(compute())
        for seed in range(samples):
            with _Rounding(dtype, seed):
                rounded.append(_numbers(compute()))
    return {
        name: _reference(wanted, np.stack([each[name] - wanted for each in rounded]), dtype)
        for name, wanted in exact.items()
    }


def reference_of_all(compute: Callable[[], StateDict], dtype: DType, samples: int) -> Mapping[str, Reference]:
    """As ``reference``, for what is computed for each number alone: ``compute`` computes the same for all samples, and
    each tensor that it returns has them in its first dimension. So all errors are drawn at once.
    """
    exact = _numbers(compute())
    with _Rounding(dtype, 0, samples):
        rounded = _numbers(compute())
    return {
        name: _reference(wanted.reshape(samples, -1)[0], (rounded[name] - wanted).reshape(samples, -1), dtype)
        for name, wanted in exact.items()
    }


def rounded_once(tensor: Tensor, dtype: DType) -> Reference:
    """The reference of numbers that are computed exactly and then rounded to a dtype."""
    exact = as_float64(tensor)
    return Reference(exact, DEVIATION / math.sqrt(3) * _unit(dtype) * np.abs(exact), 1.0)


@contextmanager
def _unfused() -> Generator[None]:
    """Without the fused operations of attention, inside which no errors could be drawn."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _reference(exact: NDArray[np.float64], errors: NDArray[np.float64], dtype: DType) -> Reference:
    """The reference of a tensor with these errors, a row for each sample.

    Few samples may all be small by chance, so an element below the whole tensor's mean has ``PRIOR`` more with that;
    but with ``MOST`` times its own, where that is less: a tensor may hold numbers of very different sizes. Where a
    sample moves nothing (relu), the own variance shows too little.
    """
    pattern = (1).to_bytes(dtype.scalar.itemsize, "little")
    least = float(np.frombuffer(pattern, dtype.scalar)[0])  # the smallest number of the dtype has the bits of 1
    scale = _unit(dtype) / _drawn(dtype)
    if scale < 1:
        scale *= math.sqrt(2)  # the reference has errors of the same size
    squares: NDArray[np.float64] = np.square(scale * errors)
    with np.errstate(invalid="ignore"):
        variance: NDArray[np.float64] = squares.mean(axis=0)
    finite = np.isfinite(variance)
    if not finite.any():
        return Reference(exact, variance, 1.0)
    moved: NDArray[np.bool_] = finite & (variance > 0)
    scatter = float(np.var((squares[:, moved] / variance[moved]).mean(axis=1))) if moved.any() else 0.0
    independent = min(float(moved.sum()), MANY, 2 / scatter if scatter else MANY)
    mean = float(np.mean(variance[finite]))
    added = np.where((errors != 0).all(axis=0), np.minimum(mean, MOST * variance), mean)
    larger = (len(errors) * variance + PRIOR * added) / (len(errors) + PRIOR)
    variance = np.where(finite, np.maximum(variance, larger), variance)
    variance[finite & (variance > 0)] += least**2
    return Reference(exact, np.sqrt(variance), max(1.0, independent))


def _numbers(state: StateDict) -> Mapping[str, NDArray[np.float64]]:
    return {name: as_float64(tensor) for name, tensor in state if tensor.dtype.mantissa_bits is not None}


def _unit(dtype: DType) -> float:
    """The unit roundoff: half the distance from 1 to the next number."""
    assert dtype.mantissa_bits is not None
    return 2.0 ** -(dtype.mantissa_bits + 1)


def _drawn(dtype: DType) -> float:
    """The unit roundoff of the errors that are drawn. float64's own would be lost in float64: float32's is taken, and
    the errors, which grow in proportion, are scaled afterwards."""
    return max(_unit(dtype), _unit(BY_NAME["f32"]))


def _row(operand: torch.Tensor) -> int:
    """The products that a product of matrices adds for one element: those with a zero of this operand round nothing."""
    return int((operand != 0).sum(-1).max()) if operand.numel() else 0


def _kernel(arguments: Sequence[Any]) -> int:
    """The products that a convolution adds for one element. Those with zeros, as padding has, round nothing."""
    x, weight, _, stride, padding, dilation, transposed, overlap, groups = arguments
    if transposed:
        return weight.numel() // weight.shape[1]
    there = (x != 0).unflatten(1, (groups, -1)).sum(2).double()
    ones = torch.ones(groups, 1, *weight.shape[2:], dtype=torch.float64)
    counts = aten.convolution.default(there, ones, None, stride, padding, dilation, transposed, overlap, groups)
    return round(float(counts.max())) if counts.numel() else 0


def _kernel_backward(arguments: Sequence[Any]) -> int:
    """The products that a convolution's backward adds for one element: of the weight, or if more, of the input."""
    output, weight = arguments[0], arguments[2]
    return max(output.numel() // output.shape[1], weight.numel() // weight.shape[1])


def _summed(arguments: Sequence[Any]) -> int:
    """The elements that a sum or mean adds for one element."""
    tensor, *dims = arguments
    return math.prod(tensor.shape[dim] for dim in dims[0]) if dims and dims[0] else tensor.numel()


ADDED: Mapping[Any, Callable[[Sequence[Any]], int]] = {
    aten.mm.default: lambda arguments: _row(arguments[0]),
    aten.bmm.default: lambda arguments: _row(arguments[0]),
    aten.addmm.default: lambda arguments: _row(arguments[1]),
    aten.baddbmm.default: lambda arguments: _row(arguments[1]),
    aten._trilinear.default: lambda arguments: arguments[2].numel() // arguments[2].shape[0],
    aten.convolution.default: _kernel,
    aten._softmax.default: lambda arguments: arguments[0].shape[arguments[1]],
    aten._log_softmax.default: lambda arguments: arguments[0].shape[arguments[1]],
    aten._embedding_bag.default: lambda arguments: -(-arguments[1].numel() // arguments[2].numel()),
    aten.convolution_backward.default: _kernel_backward,
    aten.embedding_dense_backward.default: lambda arguments: -(-arguments[1].numel() // arguments[2]),
    aten.nll_loss_forward.default: lambda arguments: arguments[1].numel(),
    aten.nll_loss2d_forward.default: lambda arguments: arguments[1].numel(),
    **dict.fromkeys((aten.sum.default, aten.sum.dim_IntList, aten.mean.default, aten.mean.dim), _summed),
}
"""The operations that add, and how many terms for one element."""
IN_NARROW = {aten.nll_loss_forward.default, aten.nll_loss2d_forward.default}
"""The operations of ``ADDED`` that add in the narrow type."""
SECOND = {aten.addmm.default, aten.baddbmm.default}
"""The operations of ``ADDED`` whose products are those of the second operand; else it is the first."""


Store: TypeAlias = Callable[[Any], Any]


def _gelu(store: Store, x: torch.Tensor, approximate: str = "none") -> torch.Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


def _layer_norm(store: Store, x: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    mean, scale = _moments(x, [-1 - dim for dim in range(len(shape))], eps)
    y = x * scale - mean * scale
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias), mean, scale


def _group_norm(
    store: Store, x: Any, weight: Any, bias: Any, n: int, channels: int, size: int, groups: int, eps: float
) -> tuple[Any, Any, Any]:
    parts = x.reshape(n, groups, channels // groups, size)
    mean, rstd = _moments(parts, [2, 3], eps)
    scale = rstd if weight is None else rstd * weight.view(1, groups, -1, 1)
    shift = -mean * scale if bias is None else bias.view(1, groups, -1, 1) - mean * scale
    return (parts * scale + shift).view(x.shape), mean.view(n, groups), rstd.view(n, groups)


def _batch_norm(
    store: Store,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    by_channel = [1, -1, *([1] * (x.dim() - 2))]
    mean, rstd = running_mean, None
    if training:
        dims = [dim for dim in range(x.dim()) if dim != 1]
        mean, rstd = (store(each.flatten()) for each in _moments(x, dims, eps))
        if running_mean is not None:
            count = x.numel() // x.shape[1]
            var = (x - x.mean(dims, keepdim=True)).square().sum(dims) / (count - 1)
            for running, new in ((running_mean, mean), (running_var, var)):
                running.copy_(store(store(momentum * new) + store((1 - momentum) * running)))
    else:
        rstd = (running_var + eps).rsqrt()
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return x * scale.view(by_channel) + shift.view(by_channel), mean, rstd


def _moments(x: Any, dims: Sequence[int], eps: float) -> tuple[Any, Any]:
    """The mean, and the reciprocal of the standard deviation."""
    mean = x.mean(dims, keepdim=True)
    return mean, ((x - mean).square().mean(dims, keepdim=True) + eps).rsqrt()


def _bce_with_logits(
    store: Store, x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> torch.Tensor:
    likely = store(torch.nn.functional.logsigmoid(x))
    if pos_weight is not None:
        likely = store(likely * store(store((pos_weight - 1) * target) + 1))
    losses = store(store(store(1 - target) * x) - likely)
    losses = losses if weight is None else store(losses * weight)
    return (losses, losses.mean(), losses.sum())[reduction]


APART: Mapping[Any, Callable[..., Any]] = {
    aten.native_batch_norm.default: _batch_norm,
    aten.binary_cross_entropy_with_logits.default: _bce_with_logits,
    aten.gelu.default: _gelu,
    aten.native_layer_norm.default: _layer_norm,
    aten.native_group_norm.default: _group_norm,
}
"""Operations that subtract what they have rounded: each as the operations of which kernels consist, done in the wide
type. ``Store`` rounds what a kernel keeps in the narrow one."""
RESULTS: Mapping[Any, float] = {aten.embedding_renorm_.default: 3.0, aten.erf.default: 6.0}
"""How many times u a result is off, where it is not once. A renormalization rounds a norm, a quotient and a product;
erf is a polynomial with an error of 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""
TWICE = {aten.lerp_.Scalar}
"""Operations in place that an optimizer may make of two, a product and a sum: the first rounds the tensor too."""
PRODUCTS = {*TWICE, aten.mul.Tensor, aten.mul_.Tensor}
"""Operations that may multiply a tensor by a number. TorchSharp calls aten::mul.Scalar, which rounds the number to the
tensor's dtype before; Python's keeps it."""
EXACT = {
    *(aten.detach.default, aten.clone.default, aten.copy_.default, aten._to_copy.default, aten._unsafe_view.default),
    *(aten.cat.default, aten.stack.default, aten.embedding.default, aten.index.Tensor, aten.index_select.default),
    *(aten.relu.default, aten.relu_.default, aten.neg.default, aten.abs.default, aten.where.self),
    *(aten.max_pool2d_with_indices.default, aten.gather.default, aten.masked_fill.Scalar, aten.masked_fill_.Scalar),
    *(aten.zeros_like.default, aten.ones_like.default, aten.fill_.Scalar, aten.zero_.default, aten.full_like.default),
    *(aten.threshold_backward.default, aten.max_pool2d_with_indices_backward.default),
    *(aten.sign.default, aten.clamp_.default, aten.maximum.out, aten.index_put_.default),
}
"""Operations that move, select or negate numbers, and round none. Views are exact too."""


class _Rounding(TorchDispatchMode):
    """Gives all that torch computes in this context random rounding errors of a dtype."""

    def __init__(self, dtype: DType, seed: int, samples: int = 0) -> None:
        """``samples``: how many the first dimension of each tensor has, if it has all."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self._narrow = _drawn(dtype)
        self._wide = min(self._narrow, _drawn(BY_NAME["f32"]))
        self._samples = samples
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._samples and func in PRODUCTS and args[0].dtype == torch.float64 and _is_number(args[-1]):
            args = (self._scaled(args[0], in_place=func._schema.is_mutable), *args[1:])
        if func in TWICE:
            self._round(args[0])
        if func in APART:
            narrow, self._narrow = self._narrow, self._wide
            with self:
                result = APART[func](partial(self._rounded, size=narrow), *args, **(kwargs or {}))
            self._narrow = narrow
        else:
            result = func(*self._operands(func, list(args)), **(kwargs or {}))
        if func.is_view or func in EXACT:
            return result
        if func._schema.is_mutable:
            for argument, described in zip(args, func._schema.arguments, strict=False):
                if described.alias_info and described.alias_info.is_write:
                    self._round(argument, RESULTS.get(func, 1.0))
            return result
        self._round(result, RESULTS.get(func, 1.0))
        return result

    def _operands(self, func: Any, arguments: list[Any]) -> list[Any]:
        if func not in ADDED:
            return arguments
        place = 1 if func in SECOND else 0
        size = (self._narrow if func in IN_NARROW else self._wide) * math.sqrt(ADDED[func](arguments))
        if func is aten._trilinear.default:  # its terms are products of three, made in the narrow type
            size = math.hypot(size, 2 * self._narrow)
        if func is aten.convolution.default and arguments[6]:  # transposed: adds what overlaps, in the narrow type
            size = math.hypot(size, self._narrow * math.sqrt(math.prod(arguments[1].shape[2:])))
        arguments[place] = self._rounded(arguments[place], size)
        return arguments

    def _round(self, result: Any, times: float = 1.0) -> None:
        """Give the numbers of a tensor, or of each tensor in a list or tuple, an error of ``times`` u, in place.

        A tensor of another type than float64 is what it is in every dtype: an optimizer's count of steps, say.
        """
        if isinstance(result, list | tuple):
            for part in cast("Sequence[Any]", result):
                self._round(part, times)
        elif isinstance(result, torch.Tensor) and result.dtype in (torch.float64, torch.complex128):
            result.copy_(self._rounded(result, times * math.hypot(self._narrow, self._wide)))

    def _scaled(self, tensor: torch.Tensor, *, in_place: bool) -> torch.Tensor:
        """The tensor times a number for each sample, which has the error of a rounding."""
        number = self._rounded(torch.ones(self._samples, *[1] * (tensor.dim() - 1), dtype=torch.float64), self._narrow)
        return tensor.mul_(number) if in_place else tensor * number

    def _rounded(self, tensor: Any, size: float) -> Any:
        if tensor is None:
            return None
        if tensor.is_complex():  # each part of a product can be small by cancellation: the error is one of the modulus
            moduli = tensor.abs()
            errors = [self._rounded(moduli, size) - moduli for _ in range(2)]
            return tensor + torch.complex(*errors)
        error = torch.rand(tensor.shape, generator=self._generator, dtype=torch.float64)
        return tensor * error.mul_(2 * DEVIATION * size).add_(1 - DEVIATION * size)


def _is_number(argument: Any) -> bool:
    """Whether an operand is a number. Torch makes a tensor of one element of some."""
    return not isinstance(argument, torch.Tensor) or argument.dim() == 0
