"""What a pass must show: a digest of what the reader's memory held. May import values.

The peer makes it from .NET's memory, the test process from the case; a peer that ignores what it is asked cannot.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import xxhash

from tscompat.values.tensors import Entry


def digest(entries: Iterable[Entry]) -> str:
    """XXH3 (128 bits, hexadecimal) over names, codes, shapes and bytes, in the order of the entries."""
    digest = xxhash.xxh3_128()
    for name, (dtype, shape, data) in entries:
        text = name.encode("utf-8", "surrogateescape")
        digest.update(struct.pack(f"<{3 + len(shape)}q", len(text), dtype.code, len(shape), *shape))
        digest.update(text)
        digest.update(data)
    return digest.hexdigest()
