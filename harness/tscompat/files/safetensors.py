"""Reads safetensors: the header is decoded and checked, the elements are views of the mapped file. May import values.

What is read here, the library safetensors reads too, as the same bits: tests hold both against each other. Here more is
refused, of what no tool writes: a name that is there twice, other fields of a tensor, white space before the header.
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, NamedTuple

import msgspec

from tscompat.values.dtypes import BY_TORCH, DType
from tscompat.values.text import quoted, shown

from .item import Contents, Item, Model, ModelFileError, Unfit
from .json_text import MOST, JsonError, decode
from .source import MOST_ENTRIES, Source

KIND = "safetensors"
DTYPES = {
    **{"bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "float16": "F16"},
    **{"bfloat16": "BF16", "uint32": "U32", "int32": "I32", "float32": "F32", "complex64": "C64"},
    **{"float64": "F64", "int64": "I64", "uint64": "U64", "float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3"},
    **{"float8_e8m0fnu": "F8_E8M0", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ"},
}
"""The names of torch's dtypes in safetensors (``_TYPES`` in its torch.py)."""
_BY_NAME: dict[str, DType] = {name: BY_TORCH[torch] for torch, name in DTYPES.items()}
_BITS = {name: 8 * dtype.itemsize for name, dtype in _BY_NAME.items()} | {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
"""The bits of an element, also of the types that torch has none of (``Dtype::bitsize`` in its tensor.rs)."""
METADATA = "__metadata__"
_LENGTH = 8
_MOST_NUMBER = 2**64 - 1


class _Info(msgspec.Struct, forbid_unknown_fields=True):
    """What the header states of a tensor."""

    dtype: str
    shape: list[Annotated[int, msgspec.Meta(ge=0)]]
    data_offsets: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=0)]]


class _Name(str):
    """A name in the header, whose decoding notes it: a dict alone would not show that a name came twice."""

    __slots__ = ()


class _Entry(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


_INFO = msgspec.json.Decoder(_Info)


def claims(source: Source) -> bool:
    """Whether the file begins as safetensors do: the length of a header, and its brace."""
    data = source.data
    return len(data) > _LENGTH and data[_LENGTH] == ord("{") and _header_length(data) <= MOST


def _header_length(data: memoryview) -> int:
    return struct.unpack_from("<Q", data)[0]


def read(source: Source) -> Model:
    """An item for each tensor, in the order of the file's bytes; ``about`` has the metadata.

    Raises ModelFileError for a file that the library refuses too, and for a name that is there twice.
    """
    try:
        entries, metadata, start = _entries(source.data)
    except JsonError as error:
        raise ModelFileError(f"{source.path}: cannot be read as {KIND}: {error}") from None
    return Model(source.path, KIND, _contents(source.data, entries, start), metadata)


def fault(source: Source) -> str:
    """What is wrong with a file that should be safetensors; empty for one that is read."""
    try:
        _entries(source.data)
    except JsonError as error:
        return str(error)
    return ""


def _contents(data: memoryview, entries: list[_Entry], start: int) -> Contents:
    contents: Contents = []
    for name, dtype, shape, begin, end in entries:
        known = _BY_NAME.get(dtype)
        if known is None:
            why = f"of the dtype {dtype}, which is packed and has no counterpart in .NET: convert it in Python"
            contents.append(Unfit(name, why))
            continue
        elements = data[start + begin : start + end]
        contents.append(Item(name, known, shape, _reading(elements), copies=False, offset=start + begin))
    return contents


def _reading(elements: memoryview) -> Any:
    return lambda: elements


def _entries(data: memoryview) -> tuple[list[_Entry], dict[str, str], int]:
    """The tensors, the metadata, and where the elements begin. Raises JsonError, with half a sentence."""
    if len(data) < _LENGTH:
        raise JsonError(f"incomplete: {len(data)} bytes, where the header's length alone takes {_LENGTH}")
    length, size = _header_length(data), len(data) - _LENGTH
    if length > MOST:
        raise JsonError(
            f"it begins with the length of a header of {length:,} bytes, where safetensors allow {MOST:,}: this is "
            "another format, or damaged"
        )
    if length > size:
        raise JsonError(f"incomplete: {length - size:,} of the header's {length:,} bytes are missing")
    if bytes(data[_LENGTH : _LENGTH + 1]) != b"{":
        raise JsonError("the header does not begin with a brace")
    entries, metadata = _decoded(data[_LENGTH : _LENGTH + length])
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    _refuse_misplaced(entries, size - length)
    return entries, metadata, _LENGTH + length


def _decoded(header: memoryview) -> tuple[list[_Entry], dict[str, str]]:
    if (count := bytes(header).count(b'"data_offsets"')) > MOST_ENTRIES:
        raise JsonError(f"the header has {count:,} tensors, where at most {MOST_ENTRIES:,} are read")
    names: list[str] = []

    def noted(kind: type, name: str) -> _Name:
        names.append(name)
        return _Name(name)

    found = decode(header, dict[_Name, msgspec.Raw], noted)
    if len(found) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise JsonError(f"the header has the name {quoted(twice)} twice")
    metadata = _metadata(found.pop(_Name(METADATA))) if METADATA in found else {}
    return [_entry(str(name), raw) for name, raw in found.items()], metadata


def _metadata(raw: msgspec.Raw) -> dict[str, str]:
    return {} if bytes(memoryview(raw)) == b"null" else decode(memoryview(raw), dict[str, str])


def _entry(name: str, raw: msgspec.Raw) -> _Entry:
    try:
        info = _INFO.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        try:
            info = decode(memoryview(raw), _Info)
        except JsonError as error:
            raise JsonError(f"of {quoted(name)}, {error}") from None
    text = bytes(memoryview(raw))
    if text.count(b":") != 3 or b"-" in text:
        raise JsonError(f"{quoted(name)} has a field twice, or a number with a sign")
    shape = tuple(info.shape)
    begin, end = info.data_offsets
    if info.dtype not in _BITS:
        raise JsonError(f"{quoted(name)} has the unknown dtype {quoted(info.dtype)}")
    bits = _BITS[info.dtype] * _count(name, shape)
    if bits > _MOST_NUMBER:
        raise JsonError(f"{quoted(name)} has a shape of too many elements: {shown(list(shape))}")
    if begin > end or bits != 8 * (end - begin):
        raise JsonError(
            f"{quoted(name)} has {end - begin:,} bytes by its data_offsets, where {info.dtype} of shape "
            f"{shown(list(shape))} takes {bits / 8:,.6g}"
        )
    return _Entry(name, info.dtype, shape, begin, end)


def _count(name: str, shape: tuple[int, ...]) -> int:
    """The number of elements. Raises JsonError where a product overflows on the way, even if a later dim is 0."""
    count = 1
    for dim in shape:
        count *= dim
        if count > _MOST_NUMBER or dim > _MOST_NUMBER:
            raise JsonError(f"{quoted(name)} has a shape of too many elements: {shown(list(shape))}")
    return count


def _refuse_misplaced(entries: list[_Entry], size: int) -> None:
    """Raise JsonError unless the tensors lie one after the other from the first byte to the last."""
    at = 0
    last = ""
    for name, _, _, begin, end in entries:
        if begin < at:
            raise JsonError(f"the tensors {quoted(last)} and {quoted(name)} share bytes")
        if begin > at:
            raise JsonError(f"{begin - at:,} bytes before the tensor {quoted(name)} belong to no tensor")
        at, last = end, name
    if at > size:
        raise JsonError(f"incomplete: {at - size:,} of {at:,} bytes of tensors are missing at the end")
    if at < size:
        raise JsonError(f"{size - at:,} more bytes after the last tensor")
