"""Hostile files: how a case's file is made, and that the oracle refuses each where the case states it."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import pytest

from subjects import subjects
from tscompat.catalogue import Hostile
from tscompat.catalogue.hostile import from_hex, hostile
from tscompat.catalogue.table import Table
from tscompat.codec import FormatError, decode_optimizer, decode_state_dict, decode_tensor
from tscompat.codec.clauses import CLAUSES
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.routes.formats import UNREADABLE
from tscompat.routes.hostile import FOREIGN, READ

FILES = subjects(Hostile)
DECODE = {"state-dict": decode_state_dict, "tensor": decode_tensor, "optimizer": decode_optimizer}
DOCUMENTS = {kind: read_document(data_folder("cases") / "hostile" / f"{kind}.toml", ValueError) for kind in FOREIGN}


def made(**edit: Any) -> Hostile:
    row = {"whole": "00 01 02 03", "clause": "file.truncated", "offset": 4, **edit}
    return hostile(Table("hostile/tensor", "name", row, "mixed", {}))


@pytest.mark.parametrize(
    ("edit", "file"),
    [
        ({}, "00010203"),
        ({"at": 1, "drop": 2, "put": "ff"}, "00ff03"),
        ({"at": 4, "put": "04*3"}, "00010203040404"),
        ({"at": 1, "drop": 1}, "000203"),
        ({"keep": 2}, "0001"),
        ({"put": "ff", "keep": 2}, "ff00"),
    ],
)
def test_a_file_is_the_whole_one_with_one_edit(edit: dict[str, Any], file: str) -> None:
    assert made(**edit).file.hex() == file


def test_a_case_knows_its_kind_and_its_error() -> None:
    case = made()
    assert (case.kind, case.whole, case.clause, case.offset) == ("tensor", b"\0\1\2\3", "file.truncated", 4)
    assert (case.lenient, made(lenient=True).lenient) == (False, True)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("0a 00*3 # ff\n0b", b"\n\0\0\0\x0b"),
        ("0aFf", b"\n\xff"),
        ("0a0b*2", b"\n\x0b\n\x0b"),
        ("01 `a # \u00e9` `[`*3 02", b"\1a # \xc3\xa9[[[\2"),
        ("``", b""),
        ("# `", b""),
    ],
)
def test_bytes_are_written_in_hexadecimal_and_text(text: str, data: bytes) -> None:
    assert from_hex(text) == data


@pytest.mark.parametrize("text", ["0", "0a0", "xy", "`a", "0a#", "`a`b", "0a*x", "*3"])
def test_what_is_neither_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected pairs of hexadecimal digits, or text between backticks") as refused:
        from_hex(text)
    assert str(refused.value).startswith(f"found {text!r}; ")


def test_there_are_hundreds() -> None:
    assert len(FILES) >= 400


def test_each_kind_has_a_reader() -> None:
    assert {case.kind for case in FILES.values()} == {*DECODE, *FOREIGN} == READ.keys()


@pytest.mark.parametrize("kind", READ)
def test_the_whole_files_are_whole(kind: str) -> None:
    for whole in {case.whole for case in FILES.values() if case.kind == kind}:
        assert READ[kind](whole, None)


@pytest.mark.parametrize("kind", FOREIGN)
def test_pythons_library_refuses_each(kind: str) -> None:
    taken: list[str] = []
    for case_id, case in FILES.items():
        if case.kind == kind:
            try:
                taken.append(f"{case_id}: {READ[kind](case.file, None)}")
            except (*UNREADABLE, AttributeError):
                pass
    assert taken == []


@pytest.mark.parametrize("kind", FOREIGN)
def test_each_clause_of_a_foreign_format_has_a_file(kind: str) -> None:
    assert {case.clause for case in FILES.values() if case.kind == kind} == DOCUMENTS[kind]["clauses"].keys()


@pytest.mark.parametrize("kind", DECODE)
def test_the_oracle_refuses_each_with_clause_and_offset(kind: str) -> None:
    wrong: dict[str, str] = {}
    for case_id, case in FILES.items():
        if case.kind == kind:
            try:
                DECODE[kind](case.file)
                wrong[case_id] = "accepted"
            except FormatError as error:
                if (error.clause, error.offset) != (case.clause, case.offset):
                    wrong[case_id] = str(error)
    assert wrong == {}


@pytest.mark.parametrize("kind", DECODE)
def test_the_oracle_takes_no_memory_for_what_a_file_only_states(kind: str) -> None:
    files = [case.file for case in FILES.values() if case.kind == kind]
    taken: dict[int, int] = {}
    for file in files:
        tracemalloc.start()
        with pytest.raises(FormatError):
            DECODE[kind](file)
        taken[len(taken)] = tracemalloc.get_traced_memory()[1] - 128 * len(file)
        tracemalloc.stop()
    assert max(taken.values()) < 1 << 16


def test_each_error_of_the_codec_has_a_file() -> None:
    clauses = Counter(case.clause for case in FILES.values() if case.kind in DECODE)
    assert clauses.keys() <= CLAUSES.keys()
    assert clauses.keys() == {
        *("leb128.canonical", "leb128.range", "name.utf8", "entry.duplicate", "dtype.code", "shape.rank"),
        *("shape.bytes", "optimizer.name", "optimizer.bool", "file.truncated", "file.trailing"),
    }


@pytest.mark.parametrize("kind", READ)
def test_no_file_is_there_twice(kind: str) -> None:
    files = Counter(case.file for case in FILES.values() if case.kind == kind)
    assert [file.hex() for file, times in files.items() if times > 1] == []
