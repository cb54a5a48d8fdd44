"""The bytes of two files around their first difference, each field with what it means. May import values, codec.

Only files in TorchSharp's own formats have fields that the codec knows.
"""

from __future__ import annotations

from collections import deque
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
    if unlike is None:
        return None
    walk = next((walk for walk in WALKS if _reads(walk, expected)), None)
    if walk is None:
        return None
    assert unlike.first
    assert unlike.first.offset is not None
    at = unlike.first.offset
    wanted, _ = _around(walk, expected, at)
    fields, stops = _around(walk, found, at)
    return Annotated(at, _lines(wanted, at, expected, found), _lines(fields, at, found, expected), stops)


def _reads(walk: Walk, data: bytes) -> bool:
    """Whether a file keeps a format to its end."""
    try:
        deque(walk(data), maxlen=0)
    except FormatError:
        return False
    return True


def _around(walk: Walk, data: bytes, at: int) -> tuple[list[Field], str]:
    """The fields around a byte, and why there are no more where the file cannot be read on."""
    before: deque[Field] = deque(maxlen=BEFORE)
    shown: list[Field] = []
    try:
        for field in walk(data):
            if field.end <= at:
                before.append(field)
                continue
            shown.append(field)
            if len(shown) > AFTER:
                break
    except FormatError as error:
        return [*before, *shown], str(error)
    return [*before, *shown], ""


def _lines(fields: list[Field], at: int, data: bytes, other: bytes) -> tuple[Line, ...]:
    differing = next((field for field in fields if field.end > at), None)
    return tuple(_line(field, field is differing, at, data, other) for field in fields)


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
