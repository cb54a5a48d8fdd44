"""The digest of a state dict, by which a peer proves what .NET's memory held. May import values.

The peer computes it from .NET's memory, the worker from the case's bits. A load in .NET passes only if both are equal,
so a peer that compares nothing cannot pass.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import xxhash

from tscompat.values.tensors import Entry, Tensor


def digest(entries: Iterable[Entry]) -> str:
    """XXH3 (128 bits, hexadecimal) over names, dtype codes, shapes and bytes, in the order of the entries."""
    digest = xxhash.xxh3_128()
    for name, (dtype, shape, data) in entries:
        text = name.encode("utf-8", "surrogateescape")
        digest.update(struct.pack(f"<{3 + len(shape)}q", len(text), dtype.code, len(shape), *shape))
        digest.update(text)
        digest.update(data)
    return digest.hexdigest()


def tensor_digest(tensor: Tensor) -> str:
    """The digest of a tensor's dtype, shape and bits, whatever its name is."""
    return digest([Entry("", tensor)])
