"""The bits of a case: the same on every platform, numpy and worker. May import dtypes, tensors, identity.

Random bits come from Philox, a counter-based generator, keyed with a hash of the case id: no global seed, no order of
calls. numpy promises the raw stream of its bit generators; a test holds the hashes of a few cases all the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tscompat.dtypes import DType
from tscompat.identity import identity
from tscompat.tensors import Entry, StateDict, tensor_of

from .case import Case, TensorSpec

Bytes = NDArray[np.uint8]


class RandomBits:
    """A stream of bits that belongs to one case."""

    def __init__(self, key: str) -> None:
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        self._philox = np.random.Philox(key=int.from_bytes(digest, "little"))
        self._ahead: Bytes = np.empty(0, np.uint8)

    def take(self, size: int) -> Bytes:
        """The next ``size`` bytes. Drawn in large steps, because a case may have 20,000 small tensors."""
        if size > self._ahead.size:
            words = max(-(-size // 8), 8192)
            fresh = self._philox.random_raw(words).astype("<u8").view(np.uint8)
            self._ahead = np.concatenate([self._ahead, fresh])
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken


def random(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Random bits; a bool is 0 or 1."""
    drawn = bits.take(math.prod(spec.shape) * spec.dtype.itemsize)
    return drawn & np.uint8(1) if spec.dtype.name == "bool" else drawn


def every(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """Every bit pattern of an 8- or 16-bit type in order; the two that a bool may hold, over and over."""
    if spec.dtype.name == "bool":
        return np.arange(math.prod(spec.shape), dtype=np.uint8) & np.uint8(1)
    return np.arange(1 << spec.dtype.bits, dtype=f"<u{spec.dtype.itemsize}").view(np.uint8)


def special(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The special values of the type, for complex numbers every pair of them, then random bits."""
    size = math.prod(spec.shape) * spec.dtype.itemsize
    values = special_values(spec.dtype)
    pairs = np.array(list(product(values, repeat=spec.dtype.parts)), dtype=values.dtype)
    head = pairs.reshape(-1).view(np.uint8)[:size]
    return np.concatenate([head, random(spec, number, bits)[head.size :]])


def own(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The identity pattern: every element tells its tensor and its index."""
    return np.frombuffer(identity(spec.dtype, number, math.prod(spec.shape)), np.uint8)


def rows_alike(spec: TensorSpec, number: int, bits: RandomBits) -> Bytes:
    """The same random bits in every row of the first dimension, so that the tensor can be an expanded one."""
    rows, *rest = spec.shape
    return np.tile(random(TensorSpec("", spec.dtype, tuple(rest), "", False), number, bits), rows)


FILLS: dict[str, Callable[[TensorSpec, int, RandomBits], Bytes]] = {
    "random": random,
    "every": every,
    "special": special,
    "identity": own,
    "rows-alike": rows_alike,
}

_MANTISSA_BITS = {"f16": 10, "c32": 10, "bf16": 7, "f32": 23, "c64": 23, "f64": 52, "c128": 52}
"""Stored mantissa bits (IEEE 754; bfloat16 keeps 7)."""


def special_values(dtype: DType) -> NDArray[np.unsignedinteger]:
    """The bit patterns of one scalar part that tend to get lost, as unsigned integers."""
    width = 8 * dtype.scalar.itemsize
    sign = 1 << (width - 1)
    if dtype.name == "bool":
        patterns = [0, 1]
    elif dtype.name in _MANTISSA_BITS:
        quiet = 1 << (_MANTISSA_BITS[dtype.name] - 1)
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


def make(case: Case) -> StateDict:
    """The state dict that a case describes: names and bits, in order."""
    bits = RandomBits(case.id)
    return [
        Entry(spec.name, tensor_of(spec.dtype, spec.shape, FILLS[spec.fill](spec, number, bits)))
        for number, spec in enumerate(case.tensors)
    ]
