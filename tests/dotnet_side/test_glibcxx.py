"""The ELF reader and the patch, on libraries made by hand and on the published one."""

import hashlib
import os
import struct
import sys
from pathlib import Path

import pytest

from tscompat.dotnet_side import build, glibcxx
from tscompat.dotnet_side.errors import BuildError
from tscompat.dotnet_side.glibcxx import Elf

STDCXX = "libstdc++.so.6"
HEADER = 64
SYMBOLS = ("", "_Zused", "_Zunused", "_Zlocal")
USED, UNUSED = 1, 2
OLD, NEW = 3, 4
"""Version indices: _Zused is of the old version, _Zunused of the new one."""


def library(relocated: tuple[int, ...] = (USED,), flags: int = 0) -> bytes:
    """A library that needs GLIBCXX_3.4 and GLIBCXX_9.9 of libstdc++, and defines MINE_1.0 itself."""
    words = [*SYMBOLS, STDCXX, "GLIBCXX_3.4", "GLIBCXX_9.9", "MINE_1.0"]
    strings = b"".join(word.encode() + b"\0" for word in words)
    at = {word: strings.index(word.encode() + b"\0") for word in words}
    symbols = b"".join(struct.pack("<IBBHQQ", at[name], 0x12, 0, 0, 0, 0) for name in SYMBOLS)
    versions = struct.pack("<4H", 0, OLD, NEW, 1)
    needs = (
        struct.pack("<HHIII", 1, 2, at[STDCXX], 16, 0)
        + struct.pack("<IHHII", 0, 0, OLD, at["GLIBCXX_3.4"], 16)
        + struct.pack("<IHHII", 0, flags, NEW, at["GLIBCXX_9.9"], 0)
    )
    relocations = b"".join(struct.pack("<QQq", 0, symbol << 32 | 6, 0) for symbol in relocated)
    defines = struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 0) + struct.pack("<II", at["MINE_1.0"], 0)
    # kind, link, info, size of an entry, content. Strings come first, as in a real file; they name the sections too.
    parts = [
        (0, 0, 0, 0, b""),
        (3, 0, 0, 0, strings),
        (11, 1, 1, 24, symbols),
        (0x6FFFFFFF, 2, 0, 2, versions),
        (0x6FFFFFFE, 1, 1, 0, needs),
        (4, 2, 0, 24, relocations),
        (0x6FFFFFFD, 1, 1, 0, defines),
    ]
    body, table = b"", b""
    for kind, link, info, entry, content in parts:
        table += struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, HEADER + len(body), len(content), link, info, 1, entry)
        body += content
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    rest = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, HEADER + len(body), 0, HEADER, 56, 0, 64, len(parts), 1)
    return identity + rest + body + table


def missing(data: bytes) -> list[glibcxx.Need]:
    return [need for need in Elf(data).needs() if need.version == "GLIBCXX_9.9"]


@pytest.fixture(scope="module")
def torchsharp() -> bytes:
    """The published library, patched or not."""
    return (build.ensure_built(progress=print).folder / glibcxx.LIBRARY).read_bytes()


def test_needs() -> None:
    assert [(need.file, need.version, need.version_index) for need in Elf(library()).needs()] == [
        (STDCXX, "GLIBCXX_3.4", OLD),
        (STDCXX, "GLIBCXX_9.9", NEW),
    ]


@pytest.mark.parametrize("flags", [0, 2])
def test_weak_need(flags: int) -> None:
    assert [need.weak for need in missing(library(flags=flags))] == [bool(flags)]


def test_provides() -> None:
    assert Elf(library()).provides() == {"MINE_1.0"}


def test_symbols_of_a_version() -> None:
    assert Elf(library()).symbols(NEW) == {UNUSED: "_Zunused"}


@pytest.mark.parametrize("relocated", [(), (USED,), (USED, UNUSED)])
def test_relocated(relocated: tuple[int, ...]) -> None:
    assert Elf(library(relocated)).relocated() == set(relocated)


@pytest.mark.parametrize(
    "data", [b"", b"MZ" + bytes(100), b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x02" + bytes(100)]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(BuildError, match="not an ELF64 little-endian file"):
        Elf(data)


def test_weaken_sets_the_flag_and_nothing_else() -> None:
    data = library()
    assert glibcxx.weaken(data, missing(data)) == (library(flags=2), ["_Zunused"])


def test_weaken_refuses_a_version_that_a_relocation_needs() -> None:
    data = library((UNUSED,))
    with pytest.raises(BuildError, match=r"needs GLIBCXX_9\.9 of libstdc\+\+\.so\.6 \(for _Zunused\)"):
        glibcxx.weaken(data, missing(data))


def test_missing_library_is_named() -> None:
    with pytest.raises(BuildError, match=r"needs libnothing\.so\.9, which this system lacks"):
        glibcxx.host_library("libnothing.so.9")


def test_host_versions_are_read_on_linux_alone() -> None:
    assert ("GLIBCXX_3.4" in glibcxx.host_versions()) == (sys.platform == "linux")


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Makes a published library that is a hard link of a file in NuGet's cache; returns that file."""
    cached = tmp_path / "cached.so"
    cached.write_bytes(library())
    os.link(cached, tmp_path / glibcxx.LIBRARY)
    return cached


def test_only_linux_needs_the_patch(linked: Path) -> None:
    assert (glibcxx.make_loadable(linked.parent) is not None) == (sys.platform == "linux")


def test_the_other_end_of_a_hard_link_stays_as_it_is(linked: Path) -> None:
    glibcxx.make_loadable(linked.parent)
    assert linked.read_bytes() == library()


def test_patched_library_lacks_nothing_more(linked: Path) -> None:
    glibcxx.make_loadable(linked.parent)
    assert glibcxx.make_loadable(linked.parent) is None


if sys.platform == "linux":  # elsewhere there is neither such a library nor a patch

    def test_record_of_a_patch(linked: Path) -> None:
        assert glibcxx.make_loadable(linked.parent) == {
            "file": glibcxx.LIBRARY,
            "versions": ["GLIBCXX_9.9"],
            "unused_symbols": ["_Zunused"],
            "original_sha256": hashlib.sha256(library()).hexdigest(),
            "patched_sha256": hashlib.sha256(library(flags=2)).hexdigest(),
        }

    def test_torchsharp_does_not_use_the_version_that_old_systems_lack(torchsharp: bytes) -> None:
        needs = [need for need in Elf(torchsharp).needs() if need.version == "GLIBCXX_3.4.32"]
        assert glibcxx.weaken(torchsharp, needs)[1] == ["_ZSt21ios_base_library_initv"]

    def test_torchsharp_cannot_do_without_a_version_that_it_uses(torchsharp: bytes) -> None:
        needs = [need for need in Elf(torchsharp).needs() if need.version == "GLIBCXX_3.4.30"]
        with pytest.raises(BuildError, match=r"needs GLIBCXX_3\.4\.30"):
            glibcxx.weaken(torchsharp, needs)

    def test_published_torchsharp_lacks_nothing(torchsharp: bytes) -> None:
        assert glibcxx.lacking(Elf(torchsharp)) == []
