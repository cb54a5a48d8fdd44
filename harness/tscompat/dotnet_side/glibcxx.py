"""Lets TorchSharp's native library load on hosts whose libstdc++ is older than the compiler it was built with.

TorchSharp 0.107.0's libLibTorchSharp.so asks for GLIBCXX_3.4.32 (GCC 13), which Debian 12 and Ubuntu 22.04 lack. It
fails to load there, although no relocation uses a symbol of that version. glibc accepts that a version is missing if
its ``.gnu.version_r`` entry has VER_FLG_WEAK (``_dl_check_map_versions`` in elf/dl-version.c), so this module sets that
flag in the published copy. It refuses to set the flag for a version that a relocation needs: the host then really lacks
a symbol.

pyelftools reads the files (the names of its fields are those of the System V gABI and of the LSB's chapter on symbol
versioning). May import resources.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection, GNUVerSymSection
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section

from tscompat.resources.whole import write_whole

from .errors import BuildError

LIBRARY = "libLibTorchSharp.so"
LIBSTDCXX = "libstdc++.so.6"

_VER_FLG_WEAK = 0x2
_FLAGS_IN_VERNAUX = 4
"""Byte offset of vna_flags, a 16-bit number, in an entry (Elfxx_Vernaux)."""
_RTLD_DI_LINKMAP = 2

SectionKind = TypeVar("SectionKind", bound=Section)


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
    """Byte offset of the entry's flags in the file."""
    weak: bool


class _LinkMap(ctypes.Structure):
    """The public head of <link.h>'s struct link_map."""

    _fields_ = (("address", ctypes.c_void_p), ("name", ctypes.c_char_p))


class Elf:
    """The parts of a library that the dynamic loader reads: version needs and definitions, symbols, relocations."""

    def __init__(self, data: bytes) -> None:
        """Raises BuildError when ``data`` is not ELF64 little-endian."""
        if data[:6] != b"\x7fELF\x02\x01":
            raise BuildError(f"not an ELF64 little-endian file: it starts with {data[:6]!r}")
        self._file = ELFFile(BytesIO(data))

    def needs(self) -> list[Need]:
        """The versions that the library asks other libraries for."""
        found: list[Need] = []
        for section in self._sections(GNUVerNeedSection):
            start = section["sh_offset"]
            for file, versions in section.iter_versions():
                at = start + file["vn_aux"]
                for version in versions:
                    weak = bool(version["vna_flags"] & _VER_FLG_WEAK)
                    flags_at = at + _FLAGS_IN_VERNAUX
                    found.append(Need(str(file.name), version.name, version["vna_other"], flags_at, weak))
                    at += version["vna_next"]
                start += file["vn_next"]
        return found

    def provides(self) -> frozenset[str]:
        """The versions that the library defines."""
        return frozenset(
            next(names).name  # the first name is the version's own, the others its predecessors'
            for section in self._sections(GNUVerDefSection)
            for _, names in section.iter_versions()
        )

    def symbols(self, index: int) -> dict[int, str]:
        """The symbols of the version with this ``version_index``: their names, by number in the symbol table."""
        return {
            number: symbol.name
            for section in self._sections(GNUVerSymSection)
            for number in range(section.num_symbols())
            if (symbol := section.get_symbol(number))["ndx"] == index
        }

    def relocated(self) -> set[int]:
        """The numbers of the symbols that a relocation refers to (.rela.dyn and .rela.plt)."""
        return {
            relocation["r_info_sym"]
            for section in self._sections(RelocationSection)
            if self._file.get_section(section["sh_link"])["sh_type"] == "SHT_DYNSYM"
            for relocation in section.iter_relocations()
        }

    def _sections(self, kind: type[SectionKind]) -> Iterator[SectionKind]:
        return (section for section in self._file.iter_sections() if isinstance(section, kind))


def host_library(soname: str) -> Path:
    """The path of the file that this process loads for ``soname``. Raises BuildError when there is none."""
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
    """The versions that this host's libstdc++ defines, sorted; an empty list on other systems than Linux."""
    return sorted(Elf(host_library(LIBSTDCXX).read_bytes()).provides()) if sys.platform == "linux" else []


def lacking(library: Elf) -> list[Need]:
    """The versions that ``library`` needs, and not weakly, and that this host's libraries do not define.

    Raises BuildError when the host lacks one of the libraries.
    """
    needs = [need for need in library.needs() if not need.weak]
    provided = {file: Elf(host_library(file).read_bytes()).provides() for file in {need.file for need in needs}}
    return [need for need in needs if need.version not in provided[need.file]]


def weaken(data: bytes, needs: list[Need]) -> tuple[bytes, list[str]]:
    """Set VER_FLG_WEAK on ``needs``; returns the new file and the symbols of those versions, which no relocation uses.

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
                f"TorchSharp needs {need.version} of {need.file} (for {', '.join(used)}), which this system's does not "
                f"define: use a system with a newer {need.file}"
            )
        unused += symbols.values()
        struct.pack_into("<H", patched, need.flags_at, _VER_FLG_WEAK)
    return bytes(patched), unused


def make_loadable(publish: Path) -> Patch | None:
    """Make TorchSharp's published native library loadable on this host, with a new file in the place of the old one.

    The old file may be a hard link into NuGet's folder, so it is not written to. Returns None when there is nothing to
    do, always so on other systems than Linux. Raises BuildError when the host lacks a library, or a version with a
    symbol that a relocation uses.
    """
    if sys.platform != "linux":
        return None
    file = publish / LIBRARY
    original = file.read_bytes()
    needs = lacking(Elf(original))
    if not needs:
        return None
    patched, unused = weaken(original, needs)
    mode = file.stat().st_mode
    write_whole(file, (patched,))
    file.chmod(mode)
    return Patch(
        file=file.name,
        versions=[need.version for need in needs],
        unused_symbols=unused,
        original_sha256=hashlib.sha256(original).hexdigest(),
        patched_sha256=hashlib.sha256(patched).hexdigest(),
    )
