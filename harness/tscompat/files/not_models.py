"""Names what a file is that is no model, or not a whole one, and what to do. Imports its neighbours.

Each function of the table looks at the content, and gives a sentence without the path, or nothing. None reads more than
a part of the file, but for the one that looks whether all bytes are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from . import archives, dat, npy, safetensors, signatures, texts
from .pickled import plain
from .source import Source

_STEP = 1 << 24
_SHOWN = 16
Look: TypeAlias = Callable[[Source], str]


def words(source: Source) -> str:
    """What the file is, and what to do: one sentence."""
    return next(found for look in _LOOKS if (found := look(source)))


def _empty(source: Source) -> str:
    if len(source.data):
        return ""
    return "empty: 0 bytes, as a download or a save leaves it that failed: get or save it again"


def _zeros(source: Source) -> str:
    data = source.data
    if any(np.frombuffer(data[at : at + _STEP], np.uint8).any() for at in range(0, len(data), _STEP)):
        return ""
    return (
        f"nothing but zeros, in all of its {len(data):,} bytes, as an unfinished download leaves it: get it again, and "
        "compare its checksum"
    )


def _joblib(source: Source) -> str:
    if bytes(source.data[:1]) != b"\x80" or not plain.is_joblib(source):
        return ""
    return 'a file of joblib: in Python, where you trust it, numpy.savez("arrays.npz", **joblib.load(FILE))'


def _pickles(source: Source) -> str:
    if bytes(source.data[:1]) != b"\x80" or not plain.is_several(source):
        return ""
    return (
        "several pickles in one file, as one dump() after another makes them: in Python, where you trust it, load() "
        "each from the open file, and save one dict of all"
    )


def _damaged(source: Source) -> str:
    """The fault of a file whose suffix or beginning shows what it should be."""
    suffix = source.path.suffix.lower()
    if suffix == ".safetensors" and (fault := safetensors.fault(source)):
        return f"cannot be read as {safetensors.KIND}: {fault}"
    if bytes(source.data[: len(npy.MAGIC)]) == npy.MAGIC[: len(source.data)]:
        return "incomplete: it ends in the header of an array of numpy"
    return next(dat.faults(source), "")


def _unknown(source: Source) -> str:
    start = source.data[:_SHOWN].hex(" ")
    return (
        f"{len(source.data):,} bytes that begin with {start}: no kind of file that is known here: expected a file of "
        "torch.save, safetensors, TorchSharp or numpy"
    )


_LOOKS: tuple[Look, ...] = (
    _empty,
    _zeros,
    archives.words,
    texts.marked,
    _joblib,
    _pickles,
    signatures.words,
    _damaged,
    texts.plain,
    _unknown,
)
