"""Reads zip archives of models: members that are stored as views of the mapped file, compressed ones within their size.

The library zipfile reads the directory. What it does not check is checked here: that members do not overlap, that no
name comes twice, that the header before each member agrees with the directory. Imports its neighbours. May import
values.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from typing_extensions import Buffer

from tscompat.values.text import quoted, shown

from .item import ModelFileError
from .source import Source

_LOCAL = struct.Struct("<4s5H3I2H")
"""The header before a member (APPNOTE.TXT, 4.3.7)."""
ZIP = b"PK\x03\x04"
"""How an archive with members begins."""
_NO_END = "File is not a zip file"
"""The message of zipfile where the record that comes last is missing or cut."""
_SATURATED = 0xFFFFFFFF
"""A size that stands elsewhere, in the form of zip64."""
_WIDE = re.compile(rb"\x01\0[\x10-\xff]\0.{8}(.{8})", re.DOTALL)
"""The extra field of zip64 before a member: its size, and how many bytes are stored (APPNOTE.TXT, 4.5.3)."""
_PLACE, _PLACE_AT = struct.Struct("<I"), 42
"""A member's place, in its entry of the directory (APPNOTE.TXT, 4.3.12)."""
_ENCRYPTED = 1
_STEP = 1 << 20
_MOST_DIRECTORY = 1 << 25
"""Bytes of a directory: of some 300,000 members."""


_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError),
    *(RuntimeError, LookupError, OverflowError),
)
"""What zipfile raises for an archive or a member that is damaged. NotImplementedError is a RuntimeError."""


class Member(NamedTuple):
    """A file in the archive."""

    name: str
    size: int
    """Bytes of its content."""
    start: int
    """Its first byte in the archive, as it lies there."""
    stored: bool
    """Whether it lies there as it is, not compressed."""
    read: Callable[[], Buffer]
    """Gives the content: a view if it is stored. Raises ModelFileError where it is damaged."""
    head: Callable[[int], bytes]
    """Gives the first bytes of the content, at most so many. Raises ModelFileError where they are damaged."""


class _View(io.RawIOBase):
    """Mapped bytes as a file for zipfile, which reads the directory at once and makes an object of 1 kB per member."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        if at < 0:
            raise OSError("a place before the begin")
        self._at = at
        return at

    def read(self, size: int = -1, /) -> bytes:
        end = len(self._data) if size < 0 else self._at + size
        if end - self._at > _MOST_DIRECTORY:
            raise zipfile.BadZipFile(f"a directory of more than {_MOST_DIRECTORY:,} bytes")
        found = bytes(self._data[self._at : end])
        self._at += len(found)
        return found


_opened: WeakKeyDictionary[Source, zipfile.ZipFile | str] = WeakKeyDictionary()
"""The archives that are open, or why they cannot be: they are asked for to know what a file is, and to read it."""


def _archive(source: Source) -> zipfile.ZipFile | str:
    if source not in _opened:
        _opened[source] = _open(source)
    return _opened[source]


def _open(source: Source) -> zipfile.ZipFile | str:
    if bytes(source.data[: len(ZIP)]) != ZIP:
        return "no zip file"
    try:
        archive = zipfile.ZipFile(_View(source.data))
        before = _before(archive, source.data)
        if before:
            return f"{before:,} bytes, of another archive perhaps, are before the zip archive that ends here: part them"
        return archive
    except _BROKEN as error:
        if str(error) != _NO_END:
            return f"a zip file whose directory, at its end, cannot be read ({shown(str(error))}): get or save it again"
        return (
            "incomplete: a zip file (of torch.save, or .npz) without the directory that is at its "
            f"end{_missing(source.data)}, in {len(source.data):,} bytes: get or save it again, and compare its checksum"
        )


def _before(archive: zipfile.ZipFile, data: memoryview) -> int:
    """How many bytes are before the archive: zipfile allows them and moves all places by them, torch takes none."""
    for info in archive.infolist()[:1]:
        (stated,) = _PLACE.unpack_from(data, archive.start_dir + _PLACE_AT)
        return 0 if stated == _SATURATED else info.header_offset - stated
    return 0


def fault(source: Source) -> str:
    """Why the archive's directory cannot be read; empty if it can be."""
    archive = _archive(source)
    return archive if isinstance(archive, str) else ""


def names(source: Source) -> list[str]:
    """The names of the archive's members, in the directory's order; none if it cannot be read."""
    archive = _archive(source)
    return (
        []
        if isinstance(archive, str)
        else [info.filename for info in archive.infolist() if not info.filename.endswith("/")]
    )


def members(source: Source) -> dict[str, Member]:
    """The members by name, in the directory's order, but for folders.

    Raises ModelFileError for an archive that is damaged or ambiguous.
    """
    archive = _archive(source)
    if isinstance(archive, str):
        raise ModelFileError(f"{source.path}: {archive}")
    found: dict[str, Member] = {}
    last: dict[str, bytearray] = {}
    spans: list[tuple[int, int, str]] = []
    for info in archive.infolist():
        if info.filename.endswith("/"):
            continue
        if info.filename in found:
            raise ModelFileError(f"{source.path}: the zip archive has {quoted(info.filename)} twice: zip it again")
        member = found[info.filename] = _member(_Reader(source.path, source.data, archive, info, last), info)
        spans.append((info.header_offset, member.start + info.compress_size, info.filename))
    for (_, end, name), (start, _, other) in pairwise(sorted(spans)):
        if start < end:
            raise ModelFileError(f"{source.path}: damaged: {quoted(name)} and {quoted(other)} share bytes of the file")
    return found


def _missing(data: memoryview) -> str:
    """What the headers before the members show of what is missing: words, where one has a size."""
    at = 0
    while len(header := bytes(data[at : at + _LOCAL.size])) == _LOCAL.size and header.startswith(ZIP):
        *_, packed, _, name_size, extra_size = _LOCAL.unpack(header)
        start = at + _LOCAL.size + name_size
        if packed == _SATURATED:
            wide = _WIDE.match(data[start : start + extra_size])
            packed = int.from_bytes(wide[1], "little") if wide else 0
        if not packed:
            break
        name = bytes(data[at + _LOCAL.size : start]).decode("utf-8", "backslashreplace")
        at = start + extra_size + packed
        if at > len(data):
            return f" and without {at - len(data):,} bytes of {quoted(name)}"
    return ""


class _Reader:
    """Reads the content of one member."""

    __slots__ = ("_archive", "_checked", "_info", "_last", "_path", "data")

    def __init__(
        self,
        path: Path,
        data: memoryview,
        archive: zipfile.ZipFile,
        info: zipfile.ZipInfo,
        last: dict[str, bytearray],
    ) -> None:
        """``last`` keeps the member that was unpacked last, for the whole archive: tensors may share it."""
        self.data = data
        self._archive = archive
        self._last = last
        self._checked = False
        self._info = info
        self._path = path

    def refuse(self, why: str) -> ModelFileError:
        """The error that names the member and what is wrong with it."""
        return ModelFileError(f"{self._path}: the member {quoted(self._info.filename)} is {why}")

    def stored(self, start: int) -> Buffer:
        """A view of the content, which is compared with its CRC-32 the first time; torch may leave it 0."""
        content = self.data[start : start + self._info.file_size]
        if not self._checked and self._info.CRC:
            crc = 0
            for at in range(0, len(content), _STEP):
                crc = zlib.crc32(content[at : at + _STEP], crc)
            if crc != self._info.CRC:
                raise self.refuse(f"damaged: its CRC-32 is {crc:08x}, and {self._info.CRC:08x} is stated")
        self._checked = True
        return content

    def unpacked(self) -> Buffer:
        """The content of a compressed member, which zipfile compares with its CRC-32."""
        if self._info.filename in self._last:
            return self._last[self._info.filename]
        self._last.clear()
        parts = bytearray()
        size = self._info.file_size
        try:
            with self._archive.open(self._info) as file:
                while piece := file.read(_STEP):
                    parts += piece
                    if len(parts) > size:
                        raise self.refuse(f"damaged: it has more than its {size:,} bytes")
        except _BROKEN as error:
            raise (
                error if isinstance(error, ModelFileError) else self.refuse(f"damaged: {shown(str(error))}")
            ) from error
        if len(parts) != size:
            raise self.refuse(f"damaged: it has {len(parts):,} of its {size:,} bytes")
        self._last[self._info.filename] = parts
        return parts

    def first(self, most: int) -> bytes:
        """The first bytes of a compressed member."""
        try:
            with self._archive.open(self._info) as file:
                return file.read(most)
        except _BROKEN as error:
            raise self.refuse(f"damaged: {shown(str(error))}") from error


def _member(reader: _Reader, info: zipfile.ZipInfo) -> Member:
    """The member, whose header must agree with the directory."""
    header = bytes(reader.data[info.header_offset : info.header_offset + _LOCAL.size])
    if len(header) < _LOCAL.size or not header.startswith(ZIP):
        raise reader.refuse(f"damaged: it should begin at byte {info.header_offset:,}, where no header is")
    _, _, flags, method, _, _, _, _, _, name_size, extra_size = _LOCAL.unpack(header)
    name_at = info.header_offset + _LOCAL.size
    start = name_at + name_size + extra_size
    raw = bytes(reader.data[name_at : name_at + name_size])
    if raw != info.orig_filename.encode("utf-8", "surrogatepass") and raw != _in_cp437(info.orig_filename):
        raise reader.refuse("damaged: the header before it has another name")
    if (flags | info.flag_bits) & _ENCRYPTED:
        raise reader.refuse("encrypted: unzip the file with its password, and zip it with -0")
    if method != info.compress_type or start + info.compress_size > len(reader.data):
        raise reader.refuse("damaged: its header and the archive's directory do not agree")
    if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise reader.refuse(f"compressed by method {method}, which is not read: unzip the file, and zip it with -0")
    if method == zipfile.ZIP_DEFLATED:
        return Member(info.filename, info.file_size, start, stored=False, read=reader.unpacked, head=reader.first)
    if info.compress_size != info.file_size:
        raise reader.refuse(f"damaged: {info.compress_size:,} bytes are stored of its {info.file_size:,}")

    def first(most: int) -> bytes:
        return bytes(reader.data[start : start + min(most, info.file_size)])

    return Member(info.filename, info.file_size, start, stored=True, read=lambda: reader.stored(start), head=first)


def _in_cp437(name: str) -> bytes:
    try:
        return name.encode("cp437")
    except UnicodeEncodeError:
        return b""
