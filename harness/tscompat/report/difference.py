"""The bytes of two files around their first difference, each field with what it means. May import values, codec.

Only files in TorchSharp's own formats have fields that the codec knows.
"""

from __future__ import annotations

from typing import NamedTuple

from tscompat.codec.clauses import CLAUSES
from tscompat.codec.errors import FormatError
from tscompat.codec.fields import Field, Walk, fields_of_optimizer, fields_of_state_dict, fields_of_tensor
from tscompat.values.compare import same_stream

WALKS: tuple[Walk, ...] = (fields_of_state_dict, fields_of_optimizer, fields_of_tensor)
BEFORE, AFTER = 3, 2
"""How many fields are shown before and after the one in which the files differ."""
MOST = 16
"""Bytes of a field that are shown."""


class Line(NamedTuple):
    """A field, or the part of a long one around the difference."""

    offset: int
    """Of the first byte that is shown, from the start of the file."""
    bytes: tuple[str, ...]
    """Two hexadecimal digits each."""
    different: tuple[int, ...]
    """The places in ``bytes`` where the other file has another byte; only in the field in which the files differ."""
    field: str
    value: str
    """What the field holds, in words."""
    clause: str
    """Of FORMAT.md."""


class Annotated(NamedTuple):
    """The same place of two files."""

    offset: int
    """The first byte that differs, from the start of the files."""
    expected: tuple[Line, ...]
    found: tuple[Line, ...]
    stops: str
    """Why the fields of what was found cannot be read to the end; empty where they can."""


def annotated(expected: bytes, found: bytes) -> Annotated | None:
    """The fields of two files around the first byte that differs.

    None where the files are equal, or what was expected is in none of TorchSharp's formats.
    """
    unlike = same_stream([expected], found)
    walk = next((walk for walk in WALKS if not _fields(walk, expected)[1]), None)
    if unlike is None or walk is None:
        return None
    assert unlike.first
    assert unlike.first.offset is not None
    at = unlike.first.offset
    fields, stops = _fields(walk, found)
    wanted, _ = _fields(walk, expected)
    return Annotated(at, _lines(wanted, at, expected, found), _lines(fields, at, found, expected), stops)


def _fields(walk: Walk, data: bytes) -> tuple[list[Field], str]:
    """The fields of a file, and why there are no more where it does not keep the format."""
    fields: list[Field] = []
    try:
        for field in walk(data):
            fields.append(field)
    except FormatError as error:
        return fields, str(error)
    return fields, ""


def _lines(fields: list[Field], at: int, data: bytes, other: bytes) -> tuple[Line, ...]:
    place = next((number for number, field in enumerate(fields) if field.end > at), len(fields))
    shown = enumerate(fields[max(0, place - BEFORE) : place + AFTER + 1], max(0, place - BEFORE))
    return tuple(_line(field, number == place, at, data, other) for number, field in shown)


def _line(field: Field, differs: bool, at: int, data: bytes, other: bytes) -> Line:
    start = field.offset
    if differs and at - start >= MOST:
        start = at - (at - field.offset) % MOST
    end = min(field.end, start + MOST)
    different = [byte for byte in range(start, end) if data[byte : byte + 1] != other[byte : byte + 1]]
    return Line(
        start,
        tuple(f"{byte:02x}" for byte in data[start:end]),
        tuple(byte - start for byte in different) if differs else (),
        f"{field.place}, {field.what}",
        field.value,
        f"{CLAUSES[field.clause]} {field.clause}",
    )
