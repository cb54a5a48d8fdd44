"""Reads the directory of a mapped zip file: its members, and where the bytes of each are. May import values.

The directory is read in time and memory linear in its size. Sizes are compared with the file before they are used.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tscompat.values.text import quoted

ZIP = b"PK\x03\x04"
STORED, DEFLATED = 0, 8
_END, _END64, _LOCATOR, _ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
_END_SIZE, _MOST_COMMENT, _LOCATOR_SIZE = 22, 0xFFFF, 20
_FIELDS = struct.Struct("<4s4xHH4xIIIHHH8xI")
"""Of an entry of the directory: signature, flags, method, CRC, sizes, lengths of name, extra and comment, place."""
_LOCAL = struct.Struct("<4s22xHH")
_TOTALS, _TOTALS64, _WIDE = struct.Struct("<HII"), struct.Struct("<4s28xQQQ"), struct.Struct("<Q")
_SATURATED = 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 1, 0x800
_STEP = 1 << 20


class ZipError(ValueError):
    """The zip file is damaged: half a sentence, without the path."""


class NoDirectory(ZipError):
    """The file has no directory: its end is missing, or it is no zip file."""


class Member(NamedTuple):
    """A member of a zip file, as the directory describes it."""

    name: str
    raw: bytes
    """The name's bytes."""
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes in the file."""
    size: int
    """Bytes when they are unpacked."""
    header: int
    """The first byte of its local header, from the start of the file."""

    @property
    def is_encrypted(self) -> bool:
        """Whether its content needs a password."""
        return bool(self.flags & _ENCRYPTED)


def _unpacked(fields: struct.Struct, data: memoryview, at: int) -> tuple[Any, ...]:
    """The fields at this place. Raises ZipError where they do not lie in the file."""
    if at + fields.size > len(data):
        raise ZipError(f"the file ends before byte {at + fields.size:,}, to which it refers")
    return fields.unpack_from(data, at)


def directory(data: memoryview, most: int) -> list[Member]:
    """The members of the zip file, in the directory's order.

    Raises NoDirectory where the file has no directory, and ZipError where it is damaged or has more than ``most``.
    """
    base = max(0, len(data) - _END_SIZE - _MOST_COMMENT)
    end = bytes(data[base:]).rfind(_END)
    end += base
    if end < base or end + _END_SIZE > len(data):
        raise NoDirectory("there is none")
    count, size, start = _unpacked(_TOTALS, data, end + 10)
    stop = end
    locator = end - _LOCATOR_SIZE
    if locator >= 0 and bytes(data[locator : locator + len(_LOCATOR)]) == _LOCATOR:
        (stop,) = _unpacked(_WIDE, data, locator + 8)
        signature, count, size, start = _unpacked(_TOTALS64, data, stop)
        if signature != _END64:
            raise ZipError("it does not begin where the file states it")
    if start + size > stop or count * _FIELDS.size > size:
        raise ZipError("it does not lie in the file as the file states it")
    if count > most:
        raise ZipError(f"it has {count:,} members, where at most {most:,} are read")
    found: list[Member] = []
    at = start
    for _ in range(count):
        member, at = _entry(data, at)
        found.append(member)
    if at != start + size:
        raise ZipError("it has another size than the file states")
    return found


def _entry(data: memoryview, at: int) -> tuple[Member, int]:
    signature, flags, method, crc, packed, size, named, extra, comment, header = _unpacked(_FIELDS, data, at)
    if signature != _ENTRY:
        raise ZipError(f"at byte {at:,}, expected an entry")
    at += _FIELDS.size
    raw = bytes(data[at : at + named])
    if _SATURATED in (size, packed, header):
        wide = _wide(bytes(data[at + named : at + named + extra]))
        # The 64-bit fields are there in this order, each only if the 32-bit one is saturated.
        size, packed, header = (wide.pop(0) if each == _SATURATED and wide else each for each in (size, packed, header))
    name = raw.decode("utf-8", "backslashreplace") if flags & _UTF8 else raw.decode("cp437")
    return Member(name, raw, flags, method, crc, packed, size, header), at + named + extra + comment


def _wide(extra: bytes) -> list[int]:
    """The numbers in the extra field of zip64; none if it is not there."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + size]
            return [number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
        at += 4 + size
    return []


def missing(data: memoryview) -> str:
    """What a zip file without its directory shows of what is missing: words, where a local header has a size."""
    at = 0
    while (found := _local(data, at)) is not None:
        name, end = found
        if end > len(data):
            return f" and without {end - len(data):,} bytes of {quoted(name)}"
        at = end
    return ""


def _local(data: memoryview, at: int) -> tuple[str, int] | None:
    """The member's name and its end by the local header at this place; None if there is none that has a size."""
    if len(data) - at < 30 or bytes(data[at : at + 4]) != ZIP:
        return None
    packed, size, named, extra = struct.unpack_from("<IIHH", data, at + 18)
    raw = bytes(data[at + 30 : at + 30 + named])
    if _SATURATED in (packed, size):
        wide = _wide(bytes(data[at + 30 + named : at + 30 + named + extra]))
        packed = wide[-1] if wide else 0
    return (raw.decode("utf-8", "backslashreplace"), at + 30 + named + extra + packed) if packed else None


def refuse_overlaps(data: memoryview, found: Sequence[Member]) -> None:
    """Raise ZipError for members of one name, and for members that share bytes of the file."""
    names: set[str] = set()
    for member in found:
        if member.name in names:
            raise ZipError(f"two members have the name {quoted(member.name)}")
        names.add(member.name)
    spans = sorted((member.header, place(data, member) + member.packed, member.name) for member in found)
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            raise ZipError(f"the members {quoted(name)} and {quoted(other)} share bytes of the file")


def place(data: memoryview, member: Member) -> int:
    """The first byte of the member's content. Raises ZipError where its local header is not as the directory states."""
    if member.header + _LOCAL.size > len(data):
        raise ZipError(f"the member {quoted(member.name)} begins after the end of the file")
    signature, named, extra = _LOCAL.unpack_from(data, member.header)
    at = member.header + _LOCAL.size
    if signature != ZIP or bytes(data[at : at + named]) != member.raw:
        raise ZipError(f"the member {quoted(member.name)} is not where the directory states it")
    start = at + named + extra
    if start + member.packed > len(data):
        missing = start + member.packed - len(data)
        raise ZipError(f"incomplete: {missing:,} bytes of the member {quoted(member.name)} are missing at the end")
    return start


def content(data: memoryview, member: Member) -> memoryview:
    """The member's bytes: of the mapped file where they are stored, else unpacked within the size that is stated.

    Raises ZipError for another compression than deflate, for encryption, and where size or CRC are other than stated.
    """
    start = place(data, member)
    packed = data[start : start + member.packed]
    if member.is_encrypted:
        raise ZipError(f"the member {quoted(member.name)} is encrypted: unpack it with its password first")
    if member.method not in (STORED, DEFLATED):
        raise ZipError(
            f"the member {quoted(member.name)} is compressed by method {member.method}, where deflate (8) and none (0) "
            "are read: unpack the file and zip it again with -0"
        )
    found = packed if member.method == STORED else _inflated(packed, member)
    if len(found) != member.size:
        raise ZipError(f"the member {quoted(member.name)} has {len(found):,} bytes, and states {member.size:,}")
    crc = 0
    for at in range(0, len(found), _STEP):
        crc = zlib.crc32(found[at : at + _STEP], crc)
    if crc != member.crc:
        raise ZipError(
            f"the member {quoted(member.name)} is damaged: Bad CRC-32, {crc:08x} instead of {member.crc:08x}"
        )
    return found


def head(data: memoryview, member: Member, most: int) -> bytes:
    """The first bytes of the member's content, at most ``most``. Raises ZipError as ``content``, but checks no CRC."""
    start = place(data, member)
    packed = data[start : start + member.packed]
    if member.is_encrypted or member.method not in (STORED, DEFLATED):
        content(data, member)  # raises
    if member.method == STORED:
        return bytes(packed[:most])
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed[: most + _STEP], most)
    except zlib.error as error:
        raise ZipError(f"the member {quoted(member.name)} is damaged ({error})") from None


def _inflated(packed: memoryview, member: Member) -> memoryview:
    """The unpacked bytes. They grow piece by piece: memory is taken for what is there, and not for what is stated."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    made = bytearray()
    at, rest = 0, b""
    try:
        while not unpacker.eof:
            if not rest:
                rest, at = bytes(packed[at : at + _STEP]), at + _STEP
            piece = unpacker.decompress(rest, _STEP)
            if not piece and not rest:
                break  # the bytes end before the stream does
            made += piece
            rest = unpacker.unconsumed_tail
            if len(made) > member.size:
                raise ZipError(
                    f"the member {quoted(member.name)} unpacks to more than the {member.size:,} bytes it states"
                )
    except zlib.error as error:
        raise ZipError(f"the member {quoted(member.name)} is damaged ({error})") from None
    return memoryview(made).toreadonly()
