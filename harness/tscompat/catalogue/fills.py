"""Makes the bits of a case. A fill makes those of one tensor, from the case's random bits. May import values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tscompat.values.dtypes import BY_NAME, DType
from tscompat.values.identity import identity
from tscompat.values.tensors import Entry, StateDict, Tensor, tensor_of

from .bits import Bytes, RandomBits
from .case import Model, TensorSpec, Training
from .digits import draw


def random(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Random bits; a bool is 0 or 1."""
    return _drawn(spec.dtype, spec.shape, bits)


def every(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Every bit pattern of an 8- or 16-bit type in order; for a bool 0 and 1, in turn."""
    if spec.dtype.kind == "bool":
        return np.arange(math.prod(spec.shape), dtype=np.uint8) & np.uint8(1)
    return np.arange(1 << spec.dtype.bits, dtype=f"<u{spec.dtype.itemsize}").view(np.uint8)


def any_bytes(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Every byte in turn, whatever it means: a bool other than 0 and 1 too."""
    return np.arange(math.prod(spec.shape) * spec.dtype.itemsize).astype(np.uint8)


def special(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The special values of the type (for a complex type every pair of them), then random bits."""
    size = math.prod(spec.shape) * spec.dtype.itemsize
    values = special_values(spec.dtype)
    pairs = np.array(list(product(values, repeat=spec.dtype.parts)))
    head = pairs.ravel().view(np.uint8)[:size]
    return np.concatenate([head, _drawn(spec.dtype, spec.shape, bits)[head.size :]])


def own(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The identity pattern: every element encodes its tensor and its index."""
    return np.frombuffer(identity(spec.dtype, number, math.prod(spec.shape)), np.uint8)


def rows_alike(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The same random bits in every row of the first dimension, so that the tensor can be an expanded row."""
    rows, *rest = spec.shape
    return np.tile(_drawn(spec.dtype, rest, bits), rows)


def weights(spec: TensorSpec, number: int, bits: RandomBits, gain: float = 1) -> Bytes:
    """Numbers for a model to compute with: tensors of two or more dimensions scaled by ``gain`` and their fan-in,
    other weights and variances from 0.5 to 1.5, all else 0.3 to 0.6 of either sign, so that no number is too small to
    matter.

    Integers (a counter of batches) are 0 to 7. Floats are drawn as 16-bit integers and scaled once, so they are the
    same on every machine.
    """
    drawn = bits.take(2 * math.prod(spec.shape)).view("<i2")
    if spec.dtype.mantissa_bits is None:
        return (drawn & np.int16(7)).astype(spec.dtype.scalar).view(np.uint8)
    wide = np.float64 if spec.dtype.name == "f64" else np.float32
    part = drawn * wide(1 / 32768)
    if len(spec.shape) > 1:
        values = part * wide(gain * math.sqrt(3 / max(1, math.prod(spec.shape[1:]))))
    elif spec.name.endswith(("weight", "running_var")):
        values = part * wide(0.5) + wide(1)
    else:
        values = (part + np.copysign(wide(1), part)) * wide(0.3)
    return values.astype(spec.dtype.scalar).view(np.uint8)


def moderate(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Plus or minus 0.5 to 1, in steps that every float type holds exactly; both parts of a complex number."""
    drawn = bits.take(math.prod(spec.shape) * spec.dtype.parts).view(np.int8) + np.float64(0.5)
    return np.copysign((np.abs(drawn) + 127.5) / 256, drawn).astype(spec.dtype.scalar).view(np.uint8)


def steps(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Numbers in steps of a quarter from 0 to 31.75, in turn; both parts of a complex number."""
    count = math.prod(spec.shape) * spec.dtype.parts
    return (np.arange(count) % 128 / 4).astype(spec.dtype.scalar).view(np.uint8)


FILLS: dict[str, Callable[[TensorSpec, int, RandomBits], Bytes]] = {
    "random": random,
    "every": every,
    "bytes": any_bytes,
    "special": special,
    "identity": own,
    "rows-alike": rows_alike,
    "weights": weights,
    **{f"weights-{gain}": partial(weights, gain=gain) for gain in (0.85, 1.25, 1.5)},
    "moderate": moderate,
    "steps": steps,
}


def special_values(dtype: DType) -> NDArray[np.unsignedinteger]:
    """The bit patterns of a scalar that are easily lost, as unsigned integers: extremes, NaNs, subnormals, signs."""
    width = 8 * dtype.scalar.itemsize
    sign = 1 << (width - 1)
    if dtype.kind == "bool":
        patterns = [0, 1]
    elif dtype.mantissa_bits is not None:
        quiet = 1 << (dtype.mantissa_bits - 1)
        normal = 2 * quiet
        infinity = sign - normal
        one = (infinity >> 1) & infinity
        positive = [
            *(0, 1, normal - 1, normal, one, one + 1, infinity - 1, infinity),  # zero, subnormals, normals, extremes
            *(infinity + quiet, infinity + quiet + 1, sign - 1),  # quiet NaNs: plain, with a payload, all ones
            *(infinity + 1, infinity + quiet - 1),  # signalling NaNs: the smallest and the largest payload
        ]
        patterns = [pattern for value in positive for pattern in (value, value | sign)]
    else:
        ones = (1 << width) - 1
        patterns = [0, 1, ones, sign, sign - 1, ones // 3, ones // 3 * 2]
    return np.array(patterns, dtype=f"<u{dtype.scalar.itemsize}")


def _drawn(dtype: DType, shape: Sequence[int], bits: RandomBits) -> Bytes:
    drawn = bits.take(math.prod(shape) * dtype.itemsize)
    return drawn & np.uint8(1) if dtype.kind == "bool" else drawn


def make(key: str, specs: Iterable[TensorSpec]) -> StateDict:
    """The state dict of these tensors, in order. Equal keys (as a rule a case's id) give equal bits."""
    bits = RandomBits(key)
    made: dict[str, Tensor] = {}
    entries: StateDict = []
    for number, spec in enumerate(specs):
        tied = made[spec.tied_to] if spec.tied_to else None
        tensor = tied or tensor_of(spec.dtype, spec.shape, FILLS[spec.fill](spec, number, bits))
        made[spec.name] = tensor
        entries.append(Entry(spec.name, tensor))
    return entries


def make_inputs(key: str, model: Model) -> StateDict:
    """The inputs of the model's forward pass, named by number from 0; a pair is two entries, one after the other."""
    bits = RandomBits(f"{key}/inputs")
    flat = [part for item in model.inputs for part in (item if isinstance(item, tuple) else (item,))]
    entries: StateDict = []
    for number, spec in enumerate(flat):
        dtype = model.dtype if spec.below is None and not spec.values else BY_NAME["i64"]
        drawn = bits.take(2 * math.prod(spec.shape)).view("<u2")
        if spec.digits:
            values = draw(spec.shape[0], f"{key}/inputs")[0]
        elif spec.values:
            values = np.array(spec.values)
        elif spec.below is not None:
            values = drawn % np.int64(spec.below)
        else:
            unit = (drawn + np.float64(0.5)) / 65536
            values = unit if spec.unit else 4 * unit - 2
        data = values.astype(dtype.scalar).view(np.uint8)
        entries.append(Entry(str(number), tensor_of(dtype, spec.shape, data)))
    return entries


def make_batches(key: str, model: Model, training: Training) -> StateDict:
    """What each step of a training gets: ``input.STEP.N``, as ``make_inputs`` numbers them, and ``target.STEP.0``."""
    target = replace(model, inputs=(training.target,))
    return [
        Entry(f"{what}.{step}.{name}", tensor)
        for step in range(training.steps)
        for what, each in (("input", model), ("target", target))
        for name, tensor in make_inputs(f"{key}/{what}/{step}", each)
    ]
