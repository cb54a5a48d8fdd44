"""Elements that would be copied into memory are read from a spool file instead, and are the same."""

from __future__ import annotations

from pathlib import Path

from tscompat.files.item import Item
from tscompat.files.spool import room, spooled
from tscompat.values.dtypes import BY_NAME

U8 = BY_NAME["u8"]


def items(*copies: bool) -> list[Item]:
    def item(number: int, copied: bool) -> Item:
        return Item(str(number), U8, (number,), lambda: bytes([number]) * number, copied)

    return [item(number, copied) for number, copied in enumerate(copies)]


def test_all_elements_are_what_they_were(tmp_path: Path) -> None:
    given = items(True, False, True, True)
    assert [bytes(item.read()) for item in spooled(given, tmp_path)] == [bytes(item.read()) for item in given]


def test_only_copies_are_spooled(tmp_path: Path) -> None:
    given = items(True, False, True)
    found = spooled(given, tmp_path)
    assert ([item.copies for item in found], found[1] is given[1], room(given)) == ([False] * 3, True, 2)


def test_nothing_is_left_of_the_file(tmp_path: Path) -> None:
    found = spooled(items(False, True), tmp_path)
    del found
    assert list(tmp_path.iterdir()) == []
