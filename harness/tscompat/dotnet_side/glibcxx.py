"""Lets TorchSharp's native library load on hosts whose libstdc++ is older than the compiler it was built with.

TorchSharp 0.107.0's libLibTorchSharp.so asks for GLIBCXX_3.4.32 (GCC 13), which Debian 12 and Ubuntu 22.04 lack, and so
fails to load, although no relocation uses a symbol of that version. glibc forgives a missing version whose
``.gnu.version_r`` entry carries VER_FLG_WEAK (``_dl_check_map_versions`` in elf/dl-version.c), so that one flag is set,
in a copy. A version that a relocation does need is never touched: the host really lacks something then.

Reads ELF64 little-endian files by their section headers (the System V gABI and the LSB's chapter on symbol versioning).
Imports peer.errors.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypedDict

from .errors import BuildError

LIBRARY = "libLibTorchSharp.so"
LIBSTDCXX = "libstdc++.so.6"

_SHT_RELA, _SHT_DYNSYM = 4, 11
_SHT_VERDEF, _SHT_VERNEED, _SHT_VERSYM = 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_VER_FLG_WEAK = 0x2
_RTLD_DI_LINKMAP = 2

_SECTION = struct.Struct("<IIQQQQIIQQ")  # name type flags addr offset size link info addralign entsize
_SYMBOL = struct.Struct("<IBBHQQ")  # name info other shndx value size
_RELA = struct.Struct("<QQq")  # offset info addend; the symbol's index is the upper half of info
_VERDEF = struct.Struct("<HHHHIII")  # version flags ndx cnt hash aux next
_VERDAUX = struct.Struct("<II")  # name next
_VERNEED = struct.Struct("<HHIII")  # version cnt file aux next
_VERNAUX = struct.Struct("<IHHII")  # hash flags other name next
_FLAGS_IN_VERNAUX = 4


class ElfError(Exception):
    """The file is not an ELF64 little-endian library."""


class Patch(TypedDict):
    """What was changed in a published library, for the run's environment record."""

    file: str
    versions: list[str]
    """The symbol versions that the host lacks and that are weak now."""
    unused_symbols: list[str]
    """The symbols of those versions; no relocation refers to them."""
    original_sha256: str
    patched_sha256: str


class Need(NamedTuple):
    """One entry of ``.gnu.version_r``: a symbol version that a library asks another for."""

    file: str
    version: str
    version_index: int
    """The number by which ``.gnu.version`` refers to it."""
    flags_at: int
    """Byte offset of its flags in the file."""
    weak: bool


class _Section(NamedTuple):
    kind: int
    offset: int
    size: int
    link: int
    entries: int


class _LinkMap(ctypes.Structure):
    """The public head of <link.h>'s struct link_map."""

    _fields_ = (("address", ctypes.c_void_p), ("name", ctypes.c_char_p))


class Elf:
    """What the dynamic loader looks at in a library: its version needs and definitions, symbols, relocations."""

    def __init__(self, data: bytes) -> None:
        """Raises ElfError when ``data`` is not ELF64 little-endian."""
        if data[:6] != b"\x7fELF\x02\x01":
            raise ElfError(f"not an ELF64 little-endian file: it starts with {data[:6]!r}")
        self._data = data
        (table,) = struct.unpack_from("<Q", data, 40)
        _, count = struct.unpack_from("<HH", data, 58)
        headers = (_SECTION.unpack_from(data, table + _SECTION.size * i) for i in range(count))
        self._sections = [_Section(h[1], h[4], h[5], h[6], h[7]) for h in headers]

    def needs(self) -> list[Need]:
        """The versions that the library asks other libraries for."""
        found: list[Need] = []
        for section in self._of(_SHT_VERNEED):
            for at, (_, count, file, aux, _) in self._chain(_VERNEED, section.offset, section.entries):
                for aux_at, (_, flags, index, name, _) in self._chain(_VERNAUX, at + aux, count):
                    version = self._string(section.link, name)
                    weak = bool(flags & _VER_FLG_WEAK)
                    found.append(
                        Need(self._string(section.link, file), version, index, aux_at + _FLAGS_IN_VERNAUX, weak)
                    )
        return found

    def provides(self) -> frozenset[str]:
        """The versions that the library defines."""
        return frozenset(
            self._string(section.link, _VERDAUX.unpack_from(self._data, at + aux)[0])
            for section in self._of(_SHT_VERDEF)
            for at, (_, _, _, _, _, aux, _) in self._chain(_VERDEF, section.offset, section.entries)
        )

    def symbols(self, index: int) -> dict[int, str]:
        """The symbols of one version: number and name."""
        found: dict[int, str] = {}
        for section in self._of(_SHT_VERSYM):
            symbols = self._sections[section.link]
            versions = struct.unpack_from(f"<{section.size // 2}H", self._data, section.offset)
            for number, version in enumerate(versions):
                if version == index:
                    name, *_ = _SYMBOL.unpack_from(self._data, symbols.offset + _SYMBOL.size * number)
                    found[number] = self._string(symbols.link, name)
        return found

    def relocated(self) -> set[int]:
        """The numbers of the symbols that a relocation refers to (.rela.dyn and .rela.plt)."""
        return {
            info >> 32
            for section in self._of(_SHT_RELA)
            if self._sections[section.link].kind == _SHT_DYNSYM
            for _, info, _ in _RELA.iter_unpack(self._data[section.offset : section.offset + section.size])
        }

    def _of(self, kind: int) -> Iterator[_Section]:
        return (section for section in self._sections if section.kind == kind)

    def _chain(self, layout: struct.Struct, at: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Walk records whose last field is the distance to the next one."""
        for _ in range(count):
            fields = layout.unpack_from(self._data, at)
            yield at, fields
            at += fields[-1]

    def _string(self, table: int, offset: int) -> str:
        start = self._sections[table].offset + offset
        return self._data[start : self._data.index(b"\0", start)].decode()


def host_library(soname: str) -> Path:
    """The file that a process like this one loads for ``soname``. Raises BuildError when there is none."""
    try:
        ctypes.CDLL(soname)
    except OSError as error:
        raise BuildError(f"TorchSharp needs {soname}, which this system lacks ({error}): install it") from error
    loader = ctypes.CDLL(None)
    loader.dlopen.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(loader.dlopen(soname.encode(), os.RTLD_LAZY))
    link_map = ctypes.POINTER(_LinkMap)()
    loader.dlinfo(handle, _RTLD_DI_LINKMAP, ctypes.byref(link_map))
    return Path(os.fsdecode(link_map.contents.name))


def host_versions() -> list[str]:
    """The versions that this host's libstdc++ defines; none on other systems than Linux."""
    return sorted(Elf(host_library(LIBSTDCXX).read_bytes()).provides()) if sys.platform == "linux" else []


def lacking(library: Elf) -> list[Need]:
    """The versions that ``library`` insists on and this host's libraries do not define."""
    needs = [need for need in library.needs() if not need.weak]
    provided = {file: Elf(host_library(file).read_bytes()).provides() for file in {need.file for need in needs}}
    return [need for need in needs if need.version not in provided[need.file]]


def weaken(data: bytes, needs: list[Need]) -> tuple[bytes, list[str]]:
    """Set VER_FLG_WEAK on ``needs``; returns the new file and the symbols of those versions, which nothing uses.

    Raises BuildError when a relocation refers to a symbol of one of the versions.
    """
    library = Elf(data)
    relocated = library.relocated()
    patched = bytearray(data)
    unused: list[str] = []
    for need in needs:
        symbols = library.symbols(need.version_index)
        used = sorted(symbols[number] for number in symbols.keys() & relocated)
        if used:
            raise BuildError(
                f"TorchSharp needs {need.version} of {need.file} (for {', '.join(used)}), which this system's lacks: "
                f"use a system with a newer {need.file}"
            )
        unused += symbols.values()
        struct.pack_into("<H", patched, need.flags_at, _VER_FLG_WEAK)
    return bytes(patched), unused


def make_loadable(publish: Path) -> Patch | None:
    """Make the published library loadable on this host. A new file takes its place: the old one may be a hard link.

    Returns None when there is nothing to do, on other systems than Linux always.
    Raises BuildError when the host lacks a version that is really used.
    """
    if sys.platform != "linux":
        return None
    file = publish / LIBRARY
    original = file.read_bytes()
    needs = lacking(Elf(original))
    if not needs:
        return None
    patched, unused = weaken(original, needs)
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(patched)
    shutil.copymode(file, fresh)
    fresh.replace(file)
    return Patch(
        file=file.name,
        versions=[need.version for need in needs],
        unused_symbols=unused,
        original_sha256=hashlib.sha256(original).hexdigest(),
        patched_sha256=hashlib.sha256(patched).hexdigest(),
    )
