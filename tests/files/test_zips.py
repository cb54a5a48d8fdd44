"""A zip's directory is read as zipfile reads it; what is not as it states is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tscompat.files.item import ModelFileError
from tscompat.files.source import Source
from tscompat.files.zips import Member, fault, members, names

CONTENT = bytes(range(256)) * 40


def zipped(names: tuple[str, ...] = ("a", "b/c"), method: int = zipfile.ZIP_STORED, wide: bool = False) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(CONTENT)
    return bytearray(file.getvalue())


def of(data: bytes | bytearray) -> dict[str, Member]:
    return members(source(data))


def source(data: bytes | bytearray) -> Source:
    return Source(Path("a.zip"), memoryview(data))


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_members_and_their_contents(method: int, wide: bool) -> None:
    found = {name: bytes(each.read()) for name, each in of(zipped(method=method, wide=wide)).items()}
    assert found == {"a": CONTENT, "b/c": CONTENT}


@pytest.mark.parametrize("method", METHODS)
def test_the_first_bytes_alone(method: int) -> None:
    assert of(zipped(method=method))["a"].head(10) == CONTENT[:10]


def test_a_stored_member_has_its_place() -> None:
    data = zipped()
    member = of(data)["b/c"]
    assert (member.stored, bytes(data[member.start :][: member.size])) == (True, CONTENT)


def test_a_comment_at_the_end() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", CONTENT)
        archive.comment = b"PK" * 1000
    assert names(source(file.getvalue())) == ["a"]


def test_names_in_both_encodings() -> None:
    assert [*of(zipped(("漢", "a")))] == ["漢", "a"]


def test_a_name_in_the_encoding_of_old() -> None:
    assert [*of(zipped(("#",)).replace(b"#", b"\x82"))] == ["\xe9"]


def test_only_the_member_that_was_unpacked_last_is_kept() -> None:
    found = of(zipped(("a", "b", "c"), method=zipfile.ZIP_DEFLATED))
    tracemalloc.start()
    try:
        for each in found.values():
            each.read()
        assert tracemalloc.get_traced_memory()[0] < 2 * len(CONTENT)
    finally:
        tracemalloc.stop()


def test_a_crc_of_0_is_none() -> None:
    assert of(with_entry(zipped(), 16, bytes(4)))["a"].read() == CONTENT


def test_folders_are_left_out() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/a", "a")
    assert [*of(file.getvalue())] == ["folder/a"]


def test_the_directory_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, calls = source(zipped(method=zipfile.ZIP_DEFLATED)), list[int]()

    class Counted(zipfile.ZipFile):
        def __init__(self, file: Any) -> None:
            calls.append(1)
            super().__init__(file)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    names(opened)
    assert (len([each.read() for each in members(opened).values()]), len(calls)) == (2, 1)


def with_entry(data: bytearray, at: int, raw: bytes) -> bytearray:
    """The file with other bytes in the directory's first entry."""
    place = data.index(b"PK\x01\x02") + at
    data[place : place + len(raw)] = raw
    return data


def with_flag(data: bytearray) -> bytearray:
    """The file with the flag of an encrypted member in the first header."""
    data[6] |= 1
    return data


FAULTS: dict[str, tuple[Callable[[], bytearray], str]] = {
    "a CRC": (lambda: with_entry(zipped(), 16, b"1234"), "'a' is damaged: its CRC-32 is .*, and 34333231 is stated"),
    "a CRC of a compressed one": (
        lambda: with_entry(zipped(method=zipfile.ZIP_DEFLATED), 16, b"1234"),
        "'a' is damaged: Bad CRC-32",
    ),
    "encrypted": (lambda: with_entry(zipped(), 8, b"\1"), "the member 'a' is encrypted"),
    "encrypted by its header alone": (lambda: with_flag(zipped()), "the member 'a' is encrypted"),
    "a smaller size": (
        lambda: with_entry(zipped(method=zipfile.ZIP_DEFLATED), 24, b"\5\0\0\0"),
        "'a' is damaged: (?:Bad CRC|it has)",
    ),
    "a larger size": (
        lambda: with_entry(zipped(method=zipfile.ZIP_DEFLATED), 24, b"\0\0\0\x70"),
        "'a' is damaged: it has 10,240 of its 1,879,048,192 bytes",
    ),
    "beyond the end": (lambda: with_entry(zipped(), 20, b"\0\0\0\x70"), "'a' is damaged: its header and the archive's"),
    "another place": (lambda: with_entry(zipped(), 42, b"\1\0\0\0"), "it should begin at byte 1, where no header is"),
    "no place": (lambda: with_entry(zipped(), 42, b"\0\0\0\x70"), "should begin at byte 1,879,048,192"),
    "no deflate": (lambda: with_entry(zipped(), 10, b"\x08"), "its header and the archive's directory do not agree"),
    "another name": (lambda: with_entry(zipped(), 46, b"x"), "'x' is damaged: the header before it has another name"),
    "other sizes": (lambda: with_entry(zipped(), 24, b"\5\0\0\0"), "10,240 bytes are stored of its 5"),
    "bzip2": (lambda: zipped(method=zipfile.ZIP_BZIP2), "'a' is compressed by method 12, which is not read"),
    "lzma": (lambda: zipped(method=zipfile.ZIP_LZMA), "'a' is compressed by method 14, which is not read"),
}


@pytest.mark.parametrize("form", ["behind", "in the comment"])
def test_an_archive_before_another(form: str) -> None:
    first, second = zipped(), zipped()
    if form == "in the comment":
        first = first[:-2] + struct.pack("<H", len(second))
    with pytest.raises(ModelFileError, match=rf"{len(first):,} bytes, of another archive perhaps, are before"):
        of(first + second)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_member_that_is_not_as_stated(kind: str) -> None:
    make, said = FAULTS[kind]
    with pytest.raises(ModelFileError, match=said):
        next(iter(of(make()).values())).read()


def test_a_stream_that_ends_early() -> None:
    data = zipped(method=zipfile.ZIP_DEFLATED)
    place = data.index(b"PK\x01\x02") + 20
    (packed,) = struct.unpack_from("<I", data, place)
    with pytest.raises(ModelFileError, match="'a' is damaged: "):
        of(with_entry(data, 20, struct.pack("<I", packed - 5)))["a"].read()


def test_a_bomb_takes_no_more_than_it_states() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(300_000_000))
    member = of(with_entry(bytearray(file.getvalue()), 24, b"\5\0\0\0"))["a"]
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="damaged"):
            member.read()
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(ModelFileError, match="has 'a' twice"):
        of(zipped(("a", "a")))


@pytest.mark.parametrize("shared", [100, 1])
def test_members_that_share_bytes_are_refused(shared: int) -> None:
    data = zipped(("a", "a2"))
    second = data.rindex(b"PK\x01\x02")
    inner = data.index(b"PK\x03\x04", 4)
    data[inner - shared : inner - shared + 36] = data[inner : inner + 36]  # a second header in the first's content
    data[second + 42 : second + 46] = struct.pack("<I", inner - shared)
    with pytest.raises(ModelFileError, match="'a' and 'a2' share bytes"):
        of(data)


@pytest.mark.parametrize("cut", [1, 22, 60, 200])
def test_without_its_end_it_has_no_members(cut: int) -> None:
    assert names(source(zipped()[:-cut])) == []


def test_without_its_end_it_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"incomplete: a zip file .* without the directory"):
        of(zipped()[:-60])


def test_a_damaged_directory_is_refused() -> None:
    data = zipped()
    data[data.index(b"PK\x01\x02")] = 0
    with pytest.raises(ModelFileError, match="whose directory, at its end, cannot be read"):
        of(data)


@pytest.mark.parametrize("place", [2**63, 2**64 - 1, 10**9])
def test_a_wide_directory_after_the_end_is_none(place: int) -> None:
    data = zipped()
    end = data.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(4) + place.to_bytes(8, "little") + b"\1\0\0\0"
    assert names(source(data[:end] + locator + data[end:])) == []


@pytest.mark.parametrize("wide", [False, True])
def test_what_is_missing_of_the_last_member_is_counted(wide: bool) -> None:
    data = zipped(wide=wide)
    assert " and without 5 bytes of 'b/c'" in fault(source(data[: data.index(b"PK\x01\x02") - 5]))


def test_random_bytes_after_a_signature_are_no_directory() -> None:
    assert names(source(b"PK\x03\x04" + zlib.compress(CONTENT) + b"PK\x05\x06" + b"\xff" * 18)) == []


def test_a_directory_of_a_million_members_is_refused() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    size = 46 * 1_000_000
    data = (
        b"PK\x03\x04"
        + entry * 1_000_000
        + b"PK\x05\x06"
        + bytes(4)
        + b"\xff\xff\xff\xff"
        + struct.pack("<IIH", size, 4, 0)
    )
    assert "a directory of more than 33,554,432 bytes" in fault(source(data))
