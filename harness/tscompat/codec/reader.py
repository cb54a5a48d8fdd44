"""Reads state dicts and tensors, as views of a buffer or of a mapped file, or an index of their headers only.

Strict by default: the first broken rule raises. Given ``problems``, the reader is lenient: it adds each error, goes on
where it can, and otherwise returns what it has read so far. A size is used only after it is checked against the bytes
that are left, and only so many headers and errors are remembered, so time and memory are linear in any file's size.

Elements are never copied. In memory a result takes some 400 bytes an entry (180 in an index), 8 to 44 bytes a dim, and
1 to 4 bytes a byte of a name; while it is made, some 100 more an entry, 9 more a dim and 2 more a byte of a name. So
the largest ratio, of entries of four bytes without elements, takes 100 times its size. The rank has no limit, because
TorchSharp loads a tensor of a million dims. May import values.
"""

from __future__ import annotations

import mmap
import os
import reprlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import Buffer

from tscompat.values.dtypes import BY_CODE, DType
from tscompat.values.tensors import Entry, StateDict, Tensor, count_elements

from . import leb128
from .errors import FormatError, Problems, Report, refuse

_HEADERS = 1024
"""How many headers are remembered at most. A model has few."""
_WIDTHS = 8
"""How many lengths of headers are remembered at most; each length costs a look-up for every entry."""
_WIDEST = 64
"""Bytes of the longest header that is remembered: a look-up copies as many."""

_brief = reprlib.Repr()
_brief.maxstring, _brief.maxlist = 80, 8


class IndexEntry(NamedTuple):
    """The header of a tensor, and where its elements are."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    offset: int
    """The first byte of its elements, from the start of the file or buffer."""
    nbytes: int
    """Bytes of its elements."""


class Header(NamedTuple):
    """What comes before a tensor's elements, and how many bytes the elements take."""

    dtype: DType
    shape: tuple[int, ...]
    nbytes: int


def decode_state_dict(buffer: Buffer, *, problems: Problems | None = None) -> StateDict:
    """Decode the state dict in ``buffer``. The tensors are read-only views of it. Raises FormatError when strict."""
    data = flat(buffer)
    new = tuple[Any, ...].__new__  # what Entry(...) and Tensor(...) do, in half the time
    return [
        new(Entry, (name, new(Tensor, (dtype, shape, data[offset : offset + nbytes]))))
        for name, dtype, shape, offset, nbytes in _entries(data, problems)
    ]


def decode_tensor(buffer: Buffer, *, problems: Problems | None = None) -> Tensor:
    """Decode the single tensor in ``buffer``, as a read-only view of it.

    Raises FormatError; when lenient, only if there is no tensor to return.
    """
    data = flat(buffer)
    report = refuse if problems is None else problems.add
    (dtype, shape, nbytes), offset = read_header(data, 0, report)
    expect_end(data, offset + nbytes, report)
    return Tensor(dtype, shape, data[offset : offset + nbytes])


def index_state_dict(source: str | os.PathLike[str] | Buffer, *, problems: Problems | None = None) -> list[IndexEntry]:
    """Names, dtypes, shapes and offsets of the tensors in a file or buffer. Reads only the headers.

    Raises FormatError when strict, with the path if there is one, and OSError.
    """
    if isinstance(source, str | os.PathLike):
        with naming(source):
            return index_state_dict(map_file(source), problems=problems)
    return list(map(IndexEntry._make, _entries(flat(source), problems)))


def read_state_dict(path: str | os.PathLike[str], *, problems: Problems | None = None) -> StateDict:
    """Read a state dict file. The tensors are views of the mapped file: do not shorten the file while they exist.

    Raises FormatError with the path when strict, and OSError.
    """
    with naming(path):
        return decode_state_dict(map_file(path), problems=problems)


def read_tensor(path: str | os.PathLike[str], *, problems: Problems | None = None) -> Tensor:
    """Read the file of a single tensor, mapped as by ``read_state_dict``.

    Raises FormatError as ``decode_tensor`` does, with the path, and OSError.
    """
    with naming(path):
        return decode_tensor(map_file(path), problems=problems)


def flat(buffer: Buffer) -> memoryview:
    """The bytes of a contiguous buffer, read-only."""
    return memoryview(np.frombuffer(buffer, np.uint8)).toreadonly()


def map_file(path: str | os.PathLike[str]) -> Buffer:
    """Map a file: the system reads its bytes from disk when they are used. Raises OSError."""
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""  # nothing to map, which mmap refuses
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


@contextmanager
def naming(path: str | os.PathLike[str]) -> Generator[None]:
    """Add the path to a FormatError that the block raises."""
    try:
        yield
    except FormatError as error:
        error.path = os.fspath(path)
        raise


def _entries(data: memoryview, problems: Problems | None) -> Iterator[tuple[str, DType, tuple[int, ...], int, int]]:
    """The fields of each IndexEntry as a plain tuple, which is quick to make."""
    if problems is None:
        yield from _walk(data, refuse)
        return
    try:
        yield from _walk(data, problems.add)
    except FormatError as error:
        problems.add(error.with_traceback(None))  # whose frames hold the names and dims that were read


def _walk(data: memoryview, report: Report) -> Iterator[tuple[str, DType, tuple[int, ...], int, int]]:
    count, at = leb128.decode(data, 0, "the entry count", report)
    seen: set[str] = set()
    known: dict[bytes, Header] = {}
    widths: list[int] = []
    for _ in range(count):
        start = at
        # read_name and read_header are the specification. Around them: a fast path for short names and known headers.
        try:
            at = start + 1 + data[start]
            name = str(data[start + 1 : at], "utf-8")
            short = at <= start + 0x80 and at <= len(data)
        except (IndexError, UnicodeDecodeError):
            name, short = "", False
        if not short:
            name, at = read_name(data, start, report)
        if name in seen:
            report(FormatError(start, f"{_brief.repr(name)} again", "a name of its own", "entry.duplicate"))
        seen.add(name)

        header_at = at
        for width in widths:  # no header is a prefix of another, so bytes that equal a known header are that header
            raw = bytes(data[at : at + width])
            header = known.get(raw)
            if header is not None:
                at += len(raw)  # at the end of the data it may be less than width
                break
        else:
            header, at = read_header(data, at, report)
            width = at - header_at
            # A lenient reader remembers none: it must report a flaw each time that it occurs.
            if report is refuse and width <= _WIDEST and len(known) < _HEADERS:
                known[bytes(data[header_at:at])] = header
                if width not in widths and len(widths) < _WIDTHS:
                    widths.append(width)
        dtype, shape, nbytes = header
        if nbytes > len(data) - at:
            read_header(data, header_at, report)  # raises
        yield name, dtype, shape, at, nbytes
        at += nbytes
    expect_end(data, at, report)


def read_name(data: memoryview, start: int, report: Report) -> tuple[str, int]:
    """The name whose length is at ``start``, and the offset after it. Raises FormatError if the data ends within it."""
    size, at = leb128.decode(data, start, "a name length", report)
    raw = data[at : at + size]
    if len(raw) < size:
        raise FormatError(at, f"{len(raw)} bytes, then the end", f"a name of {size} bytes", "file.truncated")
    try:
        name = str(raw, "utf-8")
    except UnicodeDecodeError as error:
        found = f"0x{raw[error.start]:02x} ({error.reason})"
        report(FormatError(at + error.start, found, "a name in UTF-8", "name.utf8"))
        name = str(raw, "utf-8", "surrogateescape")
    return name, at + size


def read_header(data: memoryview, start: int, report: Report) -> tuple[Header, int]:
    """The header at ``start``, and the offset of the elements.

    Raises FormatError for a header that cannot be read, or if not all elements follow.
    """
    code, rank_at = leb128.decode(data, start, "a dtype code", report)
    if code not in BY_CODE:
        raise FormatError(start, str(code), f"a dtype code, one of {', '.join(map(str, BY_CODE))}", "dtype.code")
    rank, at = leb128.decode(data, rank_at, "a rank", report)
    left = len(data) - at
    if rank > left:
        raise FormatError(rank_at, f"{rank}, with {left} bytes left", "a rank whose dims can follow", "shape.rank")
    dims: list[int] = []
    for _ in range(rank):
        dim, at = leb128.decode(data, at, "a dim", report)
        dims.append(dim)
    header = Header(BY_CODE[code], tuple(dims), BY_CODE[code].itemsize * count_elements(dims))
    left = len(data) - at
    if header.nbytes > left:
        expected = f"{header.nbytes}{'' if header.nbytes <= leb128.MAX else ' or more'} bytes"
        of = f"{header.dtype.name} of shape {_brief.repr(dims)}"
        raise FormatError(at, f"{left} bytes, then the end", f"{expected} for {of}", "shape.bytes")
    return header, at


def expect_end(data: memoryview, at: int, report: Report) -> None:
    """Report an error if bytes follow the last field, which ends at ``at``."""
    if at < len(data):
        report(FormatError(at, f"{len(data) - at} more bytes", "the end of the file", "file.trailing"))
