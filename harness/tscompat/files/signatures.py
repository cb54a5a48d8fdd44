"""Knows files of other kinds by their first bytes. Imports its neighbours.

The signatures are those of the formats' specifications, as the tools write them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .source import Source

_HEAD = 4096


class _Signature(NamedTuple):
    pattern: bytes
    """A regular expression for the beginning of the file."""
    words: str


_IN_PYTHON = "in Python, load it there and save its arrays with numpy.savez"
_ORIGIN = "convert the model that it was made of"
_NO_MODEL = "and no model: give the file of weights"

_SIGNATURES = (
    _Signature(
        rb"GGUF",
        "a model of llama.cpp (GGUF), whose tensors are mostly quantized: take the model that it was made "
        "of, in safetensors",
    ),
    _Signature(
        rb"ggml|lmgg|tjgg|fmgg|algg|ggjt|ggla",
        "a model of an old llama.cpp or whisper.cpp (GGML): take the model that it was made of, in PyTorch's format",
    ),
    _Signature(
        rb"(?:.{512})?\x89HDF\r\n\x1a\n",
        "HDF5, as Keras (.h5), PyTables and MATLAB 7.3 write it: in Python, read it with h5py and save its arrays with "
        "numpy.savez",
    ),
    _Signature(
        rb"MATLAB [\d.]+ MAT-file", "a file of MATLAB: read it with scipy.io.loadmat and save it with numpy.savez"
    ),
    _Signature(rb".{4}TFL3", f"a model of TensorFlow Lite: {_ORIGIN}"),
    _Signature(rb".{4}(?:ET1\d|eh\d\d)", f"a program of ExecuTorch: {_ORIGIN}"),
    _Signature(
        rb"\x08[\x01-\x1f](?:\x12[\x00-\x7f][ -~]*[\x1a\x22\x28\x32\x3a\x42]|\x3a)", f"a model in ONNX: {_ORIGIN}"
    ),
    _Signature(
        rb"\x08\x01\x12", "a SavedModel of TensorFlow, or a model of Core ML: convert the model that it was made of"
    ),
    _Signature(rb"\x12\x01\0{6}", f"parameters of MXNet: {_IN_PYTHON}"),
    _Signature(
        rb"[\x81-\x8f\xde](?:.{2})?[\xa1-\xbf][\w.-]{1,31}[\x80-\x8f\xde\xdf\xc4-\xc9\xd4-\xd8]",
        "msgpack, as Flax writes it (.msgpack): in Python, load it with from_flax=True and save_pretrained() it, or "
        "save its arrays with numpy.savez",
    ),
    _Signature(rb"\0{4}[\1-\3]\0{3}[\0-\x0a]\0{3}", f"weights of Darknet (YOLO): {_ORIGIN} to PyTorch first"),
    _Signature(rb"7767517\r?\n", f"a model of ncnn: {_ORIGIN}"),
    _Signature(rb"(?:ptrt|ftrt)", f"an engine of TensorRT: {_ORIGIN}"),
    _Signature(rb"PAR1", f"a table (Parquet), {_NO_MODEL}"),
    _Signature(rb"ARROW1|\xff{4}.{4}\x10\0\0\0", f"a table (Arrow), {_NO_MODEL}"),
    _Signature(rb"SQLite format 3\0", f"a database (SQLite), {_NO_MODEL}"),
    _Signature(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0{4}|II\*\0|MM\0\*", f"an image, {_NO_MODEL}"),
    _Signature(rb"RIFF.{4}(?:WAVE|AVI )|OggS|ID3|fLaC|.{4}ftyp", f"sound or video, {_NO_MODEL}"),
    _Signature(rb"%PDF-", f"a PDF, {_NO_MODEL}"),
    _Signature(rb"\x7fELF", f"a program or library of Linux (ELF), {_NO_MODEL}"),
    _Signature(rb"MZ.{58}", f"a program or library of Windows or .NET, {_NO_MODEL}"),
    _Signature(rb"(?:\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe|\xfe\xed\xfa\xcf)", f"a program of macOS or Java, {_NO_MODEL}"),
    _Signature(rb"!<arch>\n", f"a static library or a Debian package, {_NO_MODEL}"),
    _Signature(
        rb"\x80[\x01-\x05]",
        "incomplete, or something follows it: it begins as a pickle (torch.save before 1.6, or Python's pickle) and "
        "does not end as one: get it again, and compare its checksum",
    ),
)
_COMPILED = [(re.compile(each.pattern, re.DOTALL), each.words) for each in _SIGNATURES]
_TABLE = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""The last bytes of a table of LevelDB, which is the index of a checkpoint of TensorFlow."""


def words(source: Source) -> str:
    """What the file is by its first bytes, or its last, and what to do; empty for one that is not known."""
    if bytes(source.data[-len(_TABLE) :]) == _TABLE:
        return "the index of a checkpoint of TensorFlow: read it there (tf.train.load_checkpoint) and use numpy.savez"
    head = bytes(source.data[:_HEAD])
    return next((words for pattern, words in _COMPILED if pattern.match(head)), "")
