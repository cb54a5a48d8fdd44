"""A zip's directory is read as zipfile reads it; what is not as it states is refused."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable

import pytest

from tscompat.files.members import Member, ZipError, content, directory, head, missing, refuse_overlaps

CONTENT = bytes(range(256)) * 40


def zipped(names: tuple[str, ...] = ("a", "b/c"), method: int = zipfile.ZIP_STORED, wide: bool = False) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(CONTENT)
    return bytearray(file.getvalue())


def of(data: bytes | bytearray) -> list[Member]:
    return directory(memoryview(data), 100)


def has_none(data: bytes | bytearray) -> bool:
    try:
        directory(memoryview(data), 100)
    except ZipError:
        return True
    return False


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_and_their_contents(method: int, wide: bool) -> None:
    data = zipped(method=method, wide=wide)
    found = {each.name: bytes(content(memoryview(data), each)) for each in of(data)}
    assert found == {"a": CONTENT, "b/c": CONTENT}


def test_a_comment_at_the_end() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", CONTENT)
        archive.comment = b"PK" * 1000
    assert [each.name for each in of(file.getvalue())] == ["a"]


def test_names_in_both_encodings() -> None:
    assert [each.name for each in of(zipped(("漢", "a")))] == ["漢", "a"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_first_bytes_alone(method: int) -> None:
    data = zipped(method=method)
    assert head(memoryview(data), of(data)[0], 10) == CONTENT[:10]


def with_entry(data: bytearray, at: int, raw: bytes) -> bytearray:
    """The file with other bytes in the directory's first entry."""
    place = data.index(b"PK\x01\x02") + at
    data[place : place + len(raw)] = raw
    return data


FAULTS: dict[str, tuple[Callable[[], bytearray], str]] = {
    "a CRC": (
        lambda: with_entry(zipped(), 16, b"1234"),
        "'a' is damaged: Bad CRC-32, .* instead of 34333231",
    ),
    "encrypted": (lambda: with_entry(zipped(), 8, b"\1"), "the member 'a' is encrypted"),
    "bzip2": (lambda: zipped(method=zipfile.ZIP_BZIP2), "'a' is compressed by method 12, where deflate"),
    "a smaller size": (
        lambda: with_entry(zipped(method=zipfile.ZIP_DEFLATED), 24, b"\5\0\0\0"),
        "'a' unpacks to more than the 5 bytes it states",
    ),
    "a larger size": (
        lambda: with_entry(zipped(method=zipfile.ZIP_DEFLATED), 24, b"\0\0\0\x70"),
        "'a' has 10,240 bytes, and states 1,879,048,192",
    ),
    "beyond the end": (lambda: with_entry(zipped(), 20, b"\0\0\0\x70"), r"incomplete: [\d,]+ bytes of the member 'a'"),
    "another place": (lambda: with_entry(zipped(), 42, b"\1\0\0\0"), "'a' is not where the directory states it"),
    "no place": (lambda: with_entry(zipped(), 42, b"\0\0\0\x70"), "'a' begins after the end of the file"),
    "no deflate": (
        lambda: with_entry(zipped(), 10, b"\x08"),
        r"the member 'a' is damaged \(Error -3",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_member_that_is_not_as_stated(kind: str) -> None:
    make, said = FAULTS[kind]
    data = memoryview(make())
    with pytest.raises(ZipError, match=said):
        content(data, of(bytearray(data))[0])


def test_a_stream_that_ends_early_has_another_size() -> None:
    data = zipped(method=zipfile.ZIP_DEFLATED)
    packed = of(data)[0].packed
    with pytest.raises(ZipError, match="bytes, and states 10,240"):
        content(memoryview(data), of(with_entry(data, 20, (packed - 5).to_bytes(4, "little")))[0])


def test_a_bomb_takes_no_more_than_it_states() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(300_000_000))
    data = with_entry(bytearray(file.getvalue()), 24, b"\5\0\0\0")
    with pytest.raises(ZipError, match="more than the 5 bytes"):
        content(memoryview(data), of(data)[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused() -> None:
    data = zipped(("a", "a"))
    with pytest.raises(ZipError, match="two members have the name 'a'"):
        refuse_overlaps(memoryview(data), of(data))


def test_members_that_share_bytes_are_refused() -> None:
    first, second = of(data := zipped(("a", "b")))
    with pytest.raises(ZipError, match="the members 'a' and 'b' share bytes"):
        refuse_overlaps(memoryview(data), [first._replace(packed=first.packed + 1), second])


@pytest.mark.parametrize("cut", [1, 22, 60, 200])
def test_without_its_end_it_has_no_members(cut: int) -> None:
    assert has_none(zipped()[:-cut])


@pytest.mark.parametrize("raw", [b"\xff\xff", b"\0\0"])
def test_a_directory_of_another_length_is_none(raw: bytes) -> None:
    data = zipped()
    place = data.rindex(b"PK\x05\x06") + 10
    data[place : place + 2] = raw
    assert has_none(data)


@pytest.mark.parametrize("place", [2**63, 2**64 - 1, 10**9])
def test_a_wide_directory_after_the_end_is_none(place: int) -> None:
    data = zipped()
    end = data.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(4) + place.to_bytes(8, "little") + b"\1\0\0\0"
    assert has_none(data[:end] + locator + data[end:])


def test_what_is_missing_of_the_last_member_is_counted() -> None:
    assert missing(memoryview(zipped()[: len(CONTENT) + 100])) == " and without 10,204 bytes of 'b/c'"


def test_random_bytes_after_a_signature_are_no_directory() -> None:
    assert has_none(b"PK\x03\x04" + zlib.compress(CONTENT) + b"PK\x05\x06" + b"\xff" * 18)


def test_more_members_than_are_read_are_refused() -> None:
    with pytest.raises(ZipError, match="it has 2 members, where at most 1 are read"):
        directory(memoryview(zipped()), 1)
