"""Explains the bytes of a file: each field, where it is, what it holds, and the clause of FORMAT.md that it keeps.

What a verdict of ``bytes`` states, and what shows annotated bytes, is made here. The fields are walked with the strict
readers' own functions. May import values.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from typing_extensions import Buffer

from tscompat.values.compare import Difference, difference, same_bytes, same_stream
from tscompat.values.dtypes import BY_CODE, DType
from tscompat.values.tensors import Tensor
from tscompat.values.verdict import FirstDifference

from . import leb128
from .clauses import CLAUSES
from .errors import FormatError, refuse
from .optimizer import LAYOUTS, Kind, decode_optimizer, number
from .reader import flat, read_header, read_name

_brief = reprlib.Repr()
_brief.maxstring, _brief.maxlist = 80, 8

LENGTH = "length of the"
"""How ``Field.what`` begins for the number before a name."""


class Field(NamedTuple):
    """One field of a file."""

    offset: int
    """Its first byte, from the start of the file."""
    nbytes: int
    place: str
    """What it belongs to: ``the file``, ``entry 3 'fc.weight'``, ``group 0``, ``state 2``."""
    what: str
    """``dtype code``, ``dim 0``, ``lr``, ..."""
    clause: str
    value: str
    """What it holds, in words."""
    entry: str | None = None
    """The name of the tensor that it belongs to, where there is one."""
    of: tuple[DType, tuple[int, ...]] | None = None
    """For elements their dtype and shape."""

    @property
    def end(self) -> int:
        """The byte after its last one."""
        return self.offset + self.nbytes


Walk: TypeAlias = Callable[[Buffer], Iterator[Field]]
"""Walks the fields of a file, in order. Raises FormatError where it cannot go on, after the fields before."""


def fields_of_state_dict(buffer: Buffer) -> Iterator[Field]:
    """The fields of a state dict's file."""
    data = flat(buffer)
    count, at = leb128.decode(data, 0, "the entry count")
    yield Field(0, at, "the file", "count of entries", "entry.count", str(count))
    for place in range(count):
        name, at = yield from _name(data, at, f"entry {place}", "name", "entry.name")
        at = yield from _tensor(data, at, f"entry {place} {_brief.repr(name)}", name)
    yield from _trailing(data, at)


def fields_of_tensor(buffer: Buffer) -> Iterator[Field]:
    """The fields of a single tensor's file."""
    data = flat(buffer)
    at = yield from _tensor(data, 0, "the tensor", None)
    yield from _trailing(data, at)


def fields_of_optimizer(buffer: Buffer) -> Iterator[Field]:
    """The fields of an optimizer's file."""
    data = flat(buffer)
    name, at = yield from _name(data, 0, "the file", "class", "optimizer.name")
    if name not in LAYOUTS:
        decode_optimizer(data)  # raises
    counts: list[int] = []
    for what in ("count of parameter groups", "count of states"):
        count, end = leb128.decode(data, at, f"the {what}")
        yield Field(at, end - at, "the file", what, "optimizer.counts", str(count))
        counts.append(count)
        at = end
    for part, count, kinds in zip(("group", "state"), counts, LAYOUTS[name], strict=True):
        for place in range(count):
            for what, kind in kinds.items():
                at = yield from _value(data, at, f"{part} {place}", what, kind)
    yield from _trailing(data, at)


# Parts of a file. Each gives its fields and returns the offset after them.


def _value(data: memoryview, at: int, place: str, what: str, kind: Kind) -> Generator[Field, None, int]:
    if not kind.startswith("tensor"):
        value, end = number(data, at, kind, what)
        clause = "optimizer.bool" if kind == "bool" else "optimizer.number"
        yield Field(at, end - at, place, what, clause, str(value))
        return end
    if kind == "tensor?":
        there, end = number(data, at, "bool", f"whether there is {what}")
        yield Field(at, end - at, place, f"whether there is {what}", "optimizer.optional", str(there))
        if not there:
            return end
        at = end
    return (yield from _tensor(data, at, f"{place} {what}", f"{place.replace(' ', '.')}.{what}"))


def _name(data: memoryview, at: int, place: str, what: str, clause: str) -> Generator[Field, None, tuple[str, int]]:
    """Returns the name too."""
    size, start = leb128.decode(data, at, "a name length")
    yield Field(at, start - at, place, f"{LENGTH} {what}", clause, str(size))
    name, end = read_name(data, at, refuse)
    yield Field(start, end - start, place, what, clause, _brief.repr(name), name)
    return name, end


def _tensor(data: memoryview, at: int, place: str, entry: str | None) -> Generator[Field, None, int]:
    """Each field is given before it is known whether the next ones can be read."""
    code, end = leb128.decode(data, at, "a dtype code")
    words = f"{code} ({BY_CODE[code].name})" if code in BY_CODE else str(code)
    yield Field(at, end - at, place, "dtype code", "dtype.code", words, entry)
    if code not in BY_CODE:
        read_header(data, at, refuse)  # raises
    rank, start = leb128.decode(data, end, "a rank")
    yield Field(end, start - end, place, "rank", "shape.rank", str(rank), entry)
    if rank > len(data) - start:
        read_header(data, at, refuse)  # raises
    for axis in range(rank):
        dim, end = leb128.decode(data, start, "a dim")
        yield Field(start, end - start, place, f"dim {axis}", "shape.dims", str(dim), entry)
        start = end
    (dtype, shape, nbytes), start = read_header(data, at, refuse)
    words = f"{nbytes} bytes, {dtype.name} of shape {_brief.repr(list(shape))}"
    yield Field(start, nbytes, place, "elements", "element.order", words, entry, (dtype, shape))
    return start + nbytes


def _trailing(data: memoryview, at: int) -> Iterator[Field]:
    if at < len(data):
        left = len(data) - at
        yield Field(at, left, "the file", "bytes after the end", "file.trailing", f"{left} bytes")


def explain(expected: Buffer, found: Buffer, walk: Walk) -> Difference | None:
    """Where the bytes of a file first differ from those that were expected, as a sentence: the field, its offset and
    clause, what it should hold and what it holds, and whether the rest is equal. None if all bytes are equal.

    ``expected`` keeps the format. Of ``found``, all before the first difference does.
    """
    unlike = same_stream([expected], found)
    if unlike is None:
        return None
    assert unlike.first
    assert unlike.first.offset is not None
    wanted, there, at = flat(expected), flat(found), unlike.first.offset
    if at == len(wanted):
        more = f"{len(there) - at} bytes more"
        sentence = f"{_where('the file, end', at, 'file.trailing')}: nothing expected, {more} found"
        return Difference("bytes", sentence, FirstDifference(None, "end", at, "nothing", more))
    field = next(each for each in _whole_names(walk(wanted)) if at < each.end)
    other, words = _counterpart(field.offset, there, walk)
    if field.of and other and other.nbytes == field.nbytes:
        return _of_elements(field, wanted, there)
    end = other.end if other else field.end
    rest = _rest(wanted[field.end :], there[end:], end - field.end)
    where = _where(f"{field.place}, {field.what}", field.offset, field.clause)
    sentence = f"{where}: {field.value} expected, {words} found{rest}"
    return Difference("bytes", sentence, FirstDifference(field.entry, field.what, field.offset, field.value, words))


def _whole_names(fields: Iterator[Field]) -> Iterator[Field]:
    """The fields, but a name and its length as one: where one differs, so does the other."""
    for field in fields:
        if not field.what.startswith(LENGTH):
            yield field
            continue
        name = next(fields)  # raises FormatError for a name that cannot be read
        yield name._replace(offset=field.offset, nbytes=field.nbytes + name.nbytes)


def _counterpart(offset: int, there: memoryview, walk: Walk) -> tuple[Field | None, str]:
    """The field of another file that begins at the byte ``offset``, if it can be read, and what it holds."""
    try:
        field = next((each for each in _whole_names(walk(there)) if each.end > offset), None)
    except FormatError as error:
        return None, error.found
    return (field, field.value) if field else (None, "nothing")


def _of_elements(field: Field, wanted: memoryview, there: memoryview) -> Difference:
    """The first of the elements that differs."""
    assert field.of
    expected, found = (Tensor(*field.of, data[field.offset : field.end]) for data in (wanted, there))
    unlike = difference(expected, found)
    assert unlike
    assert unlike.first
    assert unlike.first.offset is not None
    dtype, shape = field.of
    index = [int(each) for each in np.unravel_index(unlike.first.offset // dtype.itemsize, shape)]
    offset = field.offset + unlike.first.offset
    rest = _rest(wanted[field.end :], there[field.end :])
    counted = unlike.detail.rpartition("; ")[2]
    where = _where(f"{field.place}, element {_brief.repr(index)}", offset, field.clause)
    sentence = f"{where}: {unlike.first.expected} expected, {unlike.first.found} found; {counted}{rest}"
    place = FirstDifference(field.entry, "element", offset, unlike.first.expected, unlike.first.found)
    return Difference("bytes", sentence, place)


def _where(what: str, offset: int, clause: str) -> str:
    return f"{what} at byte 0x{offset:x} (FORMAT {CLAUSES[clause]} {clause})"


def _rest(wanted: memoryview, there: memoryview, shift: int = 0) -> str:
    if not same_bytes(wanted, there):
        return "; the rest differs too"
    if shift:
        return f"; the rest is equal, {abs(shift)} bytes {'later' if shift > 0 else 'earlier'}"
    return "; the rest is equal"
