"""Draws images of digits to train a model on, so that nothing is downloaded. Imports its neighbours.

A digit is drawn with up to seven segments on 28 by 28 pixels, shifted and mixed with noise from ``RandomBits``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .bits import RandomBits

SEGMENTS = ("012456", "25", "02346", "02356", "1235", "01356", "013456", "025", "0123456", "012356")
"""For each digit, the indices in ``LINES`` of the segments that it has."""
LINES = (
    (slice(5, 8), slice(9, 19)),
    (slice(5, 15), slice(7, 10)),
    (slice(5, 15), slice(18, 21)),
    (slice(13, 16), slice(9, 19)),
    (slice(14, 24), slice(7, 10)),
    (slice(14, 24), slice(18, 21)),
    (slice(21, 24), slice(9, 19)),
)
"""Rows and columns of the segments: top, upper left, upper right, middle, lower left, lower right, bottom."""


def draw(count: int, key: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images (count, 1, 28, 28) in [0, 1] and their digits (count,), 0 to 9 in turn. Equal keys give equal images."""
    bits = RandomBits(key)
    images = np.zeros((count, 28, 28))
    labels = np.arange(count) % 10
    shifts = bits.take(2 * count).reshape(count, 2) % 5
    for image, label, (down, right) in zip(images, labels, shifts, strict=True):
        for segment in SEGMENTS[label]:
            image[LINES[int(segment)]] = 1
        image[:] = np.roll(image, (int(down) - 2, int(right) - 2), (0, 1))
    noise = bits.take(images.size).reshape(images.shape).astype(np.float32) / 255
    images = np.float32(0.8) * images + np.float32(0.2) * noise
    return images[:, None].astype(np.float32), labels.astype(np.int64)
