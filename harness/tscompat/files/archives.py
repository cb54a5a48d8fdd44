"""Knows archives and packed files that may hold a model, and zip files without their end. May import values.

Nothing is unpacked but the first bytes of a gzip, to see what is in it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from tscompat.values.text import quoted, shown

from . import zips
from .item import some
from .source import Source
from .zips import ZIP

_WEIGHTS = re.compile(
    r"\.(?:pth|pt|pt2|ckpt|bin|safetensors|dat|npz|npy|h5|hdf5|onnx|gguf|msgpack|tar|pkl|pdparams)$", re.IGNORECASE
)
_BLOCK = 512
_USTAR = 257
_MOST_MEMBERS = 10_000
_PEEK = 1024


class _Packer(NamedTuple):
    start: bytes
    name: str
    unpack: str


_PACKERS = (
    _Packer(b"\x1f\x8b", "gzip", "gzip -dc {} > unpacked"),
    _Packer(b"BZh", "bzip2", "bzip2 -dc {} > unpacked"),
    _Packer(b"\xfd7zXZ\0", "xz", "xz -dc {} > unpacked"),
    _Packer(b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc {} > unpacked"),
    _Packer(b"7z\xbc\xaf\x27\x1c", "7z", "7z x {}"),
    _Packer(b"Rar!\x1a\x07", "RAR", "unrar x {}"),
    _Packer(b"\x04\x22\x4d\x18", "LZ4", "lz4 -dc {} > unpacked"),
    _Packer(b"\x1f\x9d", "compress", "uncompress -c {} > unpacked"),
    _Packer(b"\x5d\0\0", "LZMA", "lzma -dc {} > unpacked"),
    _Packer(
        b"\x78\x01", "zlib (as joblib does)", "in Python, joblib.load() it where you trust it, and save the arrays"
    ),
    _Packer(
        b"\x78\x9c", "zlib (as joblib does)", "in Python, joblib.load() it where you trust it, and save the arrays"
    ),
    _Packer(
        b"\x78\xda", "zlib (as joblib does)", "in Python, joblib.load() it where you trust it, and save the arrays"
    ),
)


def words(source: Source) -> str:
    """What archive the file is, what it holds, and what to do; empty for another file."""
    start = bytes(source.data[:_BLOCK])
    if start.startswith(ZIP):
        return _zip(source)
    if start.startswith(b"PK\x05\x06"):
        return "an empty zip file, which holds nothing: get or save it again"
    packer = next((each for each in _PACKERS if start.startswith(each.start)), None)
    if packer:
        return _packed(source, packer)
    return _tar(source) if _is_tar(start) else ""


def _zip(source: Source) -> str:
    if fault := zips.fault(source):
        return fault
    names = zips.names(source)
    if any(name.rpartition("/")[2] in ("model.weights.h5", "variables.h5") for name in names):
        return "a model of Keras (.keras): in Python, load it with Keras and save its get_weights() with numpy.savez"
    if "model_index.json" in names:
        return "a pipeline of diffusers in one file (DDUF): unpack it (unzip) and give the folder"
    if any(name.endswith(".data/extern_modules") for name in names):
        return (
            "a package of torch.package: in Python, where you trust it, take the module out with "
            "torch.package.PackageImporter(FILE).load_pickle(PACKAGE, NAME), and torch.save() its state_dict()"
        )
    inner = [name for name in names if name.endswith("/data.pkl") or name == "data.pkl"]
    if inner:
        return (
            f"a zip of unpacked checkpoints ({some([quoted(name) for name in inner])}): unpack it, and zip the folder "
            "of one that holds data.pkl (zip -0 -r model.pth FOLDER)"
        )
    return _holding("a zip file", names, "unzip it")


def _holding(what: str, names: list[str], unpack: str) -> str:
    weights = [name for name in names if _WEIGHTS.search(name)]
    if weights:
        return f"{what} that holds {some([shown(name) for name in weights])}: {unpack} and give that file"
    named = some([shown(name) for name in names]) or "nothing"
    return f"{what} without a model that is known here, it holds {named}: give the file of weights"


def _packed(source: Source, packer: _Packer) -> str:
    inner = ""
    if packer.name == "gzip":
        try:
            inside = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(source.data[: 1 << 16], _PEEK)
        except zlib.error:
            inside = b""
        if _is_tar(inside):
            return f"a tar archive packed with gzip: unpack it (tar -xzf {shown(source.path.name)}) and give its file"
        inner = ", of a checkpoint of torch.save" if inside.startswith((ZIP, b"\x80\x02")) else ""
    return f"packed with {packer.name}{inner}: unpack it first ({packer.unpack.format(shown(source.path.name))})"


def _is_tar(start: bytes) -> bool:
    return start[_USTAR : _USTAR + 5] == b"ustar"


def _tar(source: Source) -> str:
    names: list[str] = []
    for name, missed in _in_tar(source.data):
        names.append(name)
        if missed > 0:
            return (
                f"incomplete: a tar archive that ends {missed:,} bytes before the end of {quoted(name)}: get it again"
            )
    return _holding("a tar archive", names, f"unpack it (tar -xf {shown(source.path.name)})")


def _in_tar(data: memoryview) -> Iterator[tuple[str, int]]:
    """The names of the members, and how many bytes of each are missing."""
    at = 0
    for _ in range(_MOST_MEMBERS):
        block = bytes(data[at : at + _BLOCK])
        if len(block) < _BLOCK or not block.strip(b"\0"):
            return
        digits = block[124:136].strip(b" \0")
        size = int(digits, 8) if re.fullmatch(rb"[0-7]{1,12}", digits) else len(data)
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if block[156:157] in (b"0", b"\0"):
            yield block[:100].rstrip(b"\0").decode("utf-8", "backslashreplace"), at - len(data) - (-size % _BLOCK)
