"""The archives of torch 0.1 are read within their members; what a member states and does not hold is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from files.by_hand.archives import Member, tarred
from files.by_hand.pickles import assembled
from tscompat.files.item import ModelFileError
from tscompat.files.pickled.inert import Global
from tscompat.files.pickled.torch_tar import members, unpickled
from tscompat.files.source import Source

STORAGE = assembled('MARK BININT1:0 SHORT_BINSTRING:"cpu" GLOBAL:"torch FloatStorage" TUPLE STOP')
ONE, TWO, NO_VIEWS = (assembled(f"{words} STOP") for words in ("BININT1:1", "BININT1:2", "EMPTY_LIST"))
FOUR = struct.pack("<q4f", 4, 0, 1, 2, 3)
TENSOR = assembled('MARK BININT1:9 BININT1:0 GLOBAL:"torch FloatTensor" TUPLE STOP') + struct.pack(
    "<i4xqqq", 1, 4, 1, 0
)


def source(storages: bytes = ONE + STORAGE + FOUR + NO_VIEWS, value: str = "BININT1:9 BINPERSID") -> Source:
    """An archive of a state dict with one entry."""
    document = assembled(f'EMPTY_DICT BINUNICODE:"w" {value} SETITEM STOP')
    parts = {"storages": storages, "tensors": ONE + TENSOR, "pickle": document}
    return Source(Path("a.tar"), memoryview(tarred([Member(name, data) for name, data in parts.items()])))


def test_a_class_is_known_by_its_name() -> None:
    found = unpickled(source(value='GLOBAL:"a Net" BINUNICODE:"file" BINUNICODE:"source" TUPLE3 BINPERSID')).document
    assert found == {"w": Global("a", "Net")}


def part(offset: int, count: int) -> bytes:
    return assembled(f"EMPTY_LIST MARK BININT1:8 BININT1:0 BININT:{offset} BININT:{count} TUPLE APPEND STOP")


OUTSIDE = "a part of a storage reaches outside of it"
FAULTS = {
    "a part that begins outside": (ONE + STORAGE + FOUR + part(-1, 2), OUTSIDE),
    "a part that ends outside": (ONE + STORAGE + FOUR + part(2, 3), OUTSIDE),
    "a storage twice": (TWO + (STORAGE + FOUR) * 2 + NO_VIEWS, "a storage comes twice"),
    "fewer than no elements": (ONE + STORAGE + struct.pack("<q", -1) + NO_VIEWS, "a storage of -1 elements ends early"),
    "cut": (ONE + STORAGE + FOUR[:-1], "a storage of 4 elements ends early"),
    "a negative number of storages": (assembled("BININT:-1 STOP"), "the number of storages or tensors is none"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_storages_that_are_refused(kind: str) -> None:
    storages, said = FAULTS[kind]
    with pytest.raises(ModelFileError, match=said):
        unpickled(source(storages))


def test_a_member_whose_header_has_another_sum_is_none() -> None:
    data = tarred([Member("a", b"1"), Member("b", b"2", stated={"sum": "000000"})])
    assert [*members(memoryview(data))] == ["a"]


@pytest.mark.parametrize("kind", "123456xgL")
def test_only_regular_files_are_members(kind: str) -> None:
    data = tarred([Member("a", b"1", stated={"type": kind, "link": "b"}), Member("b", b"2")])
    assert [*members(memoryview(data))] == ["b"]
