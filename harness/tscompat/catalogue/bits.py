"""Random bits that are the same on every platform, in every process and with every numpy. Imports nothing of ours.

They come from Philox, a counter-based generator, keyed with a hash of a text, and so depend on nothing else. numpy
guarantees the raw stream of its bit generators; a test checks the hashes of a few cases anyway.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class RandomBits:
    """A stream of random bits; equal keys give equal streams."""

    def __init__(self, key: str) -> None:
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        self._philox = np.random.Philox(key=int.from_bytes(digest, "little"))
        self._ahead: Bytes = np.empty(0, np.uint8)

    def take(self, size: int) -> Bytes:
        """The next ``size`` bytes. At least 64 KiB are drawn at a time: a case may have 20,000 small tensors."""
        if size > self._ahead.size:
            words = max(-(-size // 8), 8192)
            fresh = self._philox.random_raw(words).astype("<u8", copy=False).view(np.uint8)
            self._ahead = np.concatenate([self._ahead, fresh]) if self._ahead.size else fresh
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken
