"""Zip and tar archives, put together byte by byte: what their headers state may differ from what they hold."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LOCAL, _ENTRY = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I")
_END, _END64, _LOCATOR = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_METHODS = {"stored": 0, "deflated": 8, "bz2": 12, "lzma": 14}
_WIDE = 0xFFFFFFFF
"""In place of a number that does not fit."""


@dataclass(frozen=True)
class Member:
    """A member of an archive."""

    name: str
    data: bytes = b""
    method: str | int = "stored"
    """How a zip archive packs it; data of a method that is a number are stored."""
    packed: bytes | None = None
    """Its bytes as they lie in a zip archive; None for the data, packed."""
    stated: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the headers state in place of the truth. Zip: ``size``, ``packed_size``, ``crc``, ``flags``, ``extra``,
    ``at``. Tar: ``size``, ``sum``, ``type``, ``link``, as text."""
    local: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the header before the member states in place of what the directory of a zip archive states."""
    hidden: bool = False
    """Whether the directory of a zip archive leaves it out."""


def zipped(members: Sequence[Member], end: Mapping[str, Any] | None = None) -> bytes:
    """A zip archive. Its end may state another ``count``, ``size``, ``start``, ``place``; ``wide`` makes it zip64."""
    body, directory, count = bytearray(), bytearray(), 0
    for member in members:
        raw = _packed(member.data, member.method) if member.packed is None else member.packed
        stated = {
            **{"name": member.name, "size": len(member.data), "packed_size": len(raw), "method": member.method},
            **{"crc": zlib.crc32(member.data), "flags": 0 if member.name.isascii() else 0x800, "extra": b""},
            **{"at": len(body), **member.stated},
        }
        body += _local({**stated, **member.local}) + raw
        if not member.hidden:
            directory += _entry(stated)
            count += 1
    return bytes(body + directory) + _end({"count": count, "size": len(directory), "start": len(body), **(end or {})})


def _packed(data: bytes, method: str | int) -> bytes:
    if method == "deflated":
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if method == "lzma":
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
        # the version of the packer; 5 bytes of properties: lc 3, lp 0, pb 2, and the size of the dictionary
        header = struct.pack("<BBHBI", 9, 4, 5, 0x5D, 1 << 16)
        return header + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    return bz2.compress(data) if method == "bz2" else data


def _fields(stated: Mapping[str, Any]) -> tuple[int, ...]:
    """What both headers of a member have: flags to the length of the extra field."""
    method: int = _METHODS[stated["method"]] if stated["method"] in _METHODS else stated["method"]
    sizes = [min(stated[size], _WIDE) for size in ("packed_size", "size")]
    lengths = len(_bytes(stated["name"])), len(stated["extra"])
    return (stated["flags"], method, 0, 0x21, stated["crc"], *sizes, *lengths)


def _local(stated: Mapping[str, Any]) -> bytes:
    return _LOCAL.pack(b"PK\3\4", 20, *_fields(stated)) + _bytes(stated["name"]) + stated["extra"]


def _entry(stated: Mapping[str, Any]) -> bytes:
    fixed = _ENTRY.pack(b"PK\1\2", 20, 20, *_fields(stated), 0, 0, 0, 0, min(stated["at"], _WIDE))
    return fixed + _bytes(stated["name"]) + stated["extra"]


def _end(stated: Mapping[str, Any]) -> bytes:
    count, size, start = stated["count"], stated["size"], stated["start"]
    comment, wide = stated.get("comment", b""), b""
    if stated.get("wide"):
        wide = _END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        wide += _LOCATOR.pack(b"PK\6\7", 0, stated.get("place", start + size), 1)
        count, size, start = 0xFFFF, _WIDE, _WIDE
    few = min(count, 0xFFFF)
    return wide + _END.pack(b"PK\5\6", 0, 0, few, few, size, start, len(comment)) + comment


def tarred(members: Sequence[Member]) -> bytes:
    """A tar archive."""
    return b"".join(map(_record, members)) + bytes(1024)


def _record(member: Member) -> bytes:
    stated = {"size": f"{len(member.data):011o}", "type": "0", "link": "", **member.stated}
    header = bytearray(512)

    def put(at: int, text: str) -> None:
        header[at : at + len(text)] = _bytes(text)

    for at, text in ((0, member.name), (100, "0000644"), (124, stated["size"]), (148, " " * 8), (257, "ustar")):
        put(at, text)
    put(156, stated["type"])
    put(157, stated["link"])
    put(148, stated.get("sum", f"{sum(header):06o}\0 "))
    return bytes(header) + member.data + bytes(-len(member.data) % 512)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
