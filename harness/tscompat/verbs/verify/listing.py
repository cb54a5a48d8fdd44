"""The state dict of a class that was not built here: a listing that three lines of C# wrote, or a file that it saved.

May import values, files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import read
from tscompat.files.source import opened
from tscompat.values.dtypes import DTYPES
from tscompat.values.text import escaped, shown

from .document import Entry

LINES = (
    'using var listing = new StreamWriter("listing.txt");',
    "foreach (var (name, tensor) in model.state_dict())",
    "    listing.WriteLine($\"{name}\\t{tensor.dtype}\\t{string.Join(' ', tensor.shape)}\");",
)
"""The C# that writes a listing of ``model``."""
_MOST = 1 << 26
"""Bytes of a listing at most."""
_LINE = re.compile(r"([^\t]+)\t(\w+)\t((?:\d{1,18}(?: \d{1,18}){0,63})?)")
_BY_DOTNET = {dtype.dotnet: dtype for dtype in DTYPES}


def entries(path: Path) -> list[Entry]:
    """The entries of a listing, or of a model file. Raises ModelFileError with the path, and OSError."""
    data = opened(path).data
    start = bytes(data[:_MOST]) if len(data) <= _MOST else b""
    if _is_listing(start):
        return _parse(path, start.decode("utf-8", "replace"))
    contents = read(path, "", lambda sentence: None).contents
    return of_items([each for each in contents if isinstance(each, Item)])


def of_items(items: Sequence[Item]) -> list[Entry]:
    """The entries of these items."""
    return [Entry(name=escaped(each.name), dtype=each.dtype.torch, shape=each.shape) for each in items]


def _is_listing(start: bytes) -> bool:
    """Whether the first line has two tabs: files of weights do not begin so."""
    line = start.partition(b"\n")[0]
    return line.count(b"\t") == 2 and b"\0" not in line


def _parse(path: Path, text: str) -> list[Entry]:
    found: list[Entry] = []
    for number, ended in enumerate(text.removeprefix("\ufeff").split("\n"), 1):  # a name may have other ends of lines
        line = ended.removesuffix("\r")
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[2] not in _BY_DOTNET:
            raise ModelFileError(
                f"{path}: line {number} is {shown(line, 100)!r}: expected a name, a dtype of TorchSharp and the sizes, "
                "with tabs between them, as the three lines of C# write it"
            )
        found.append(Entry(name=match[1], dtype=_BY_DOTNET[match[2]].torch, shape=tuple(map(int, match[3].split()))))
    return found
