"""Safetensors are read as the library reads them, or refused with a sentence that states the fault."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from tscompat.files.item import Item, ModelFileError, Unfit
from tscompat.files.safetensors import claims, read
from tscompat.files.source import Source

LIBRARY: Any = safetensors
"""Its functions are only partly typed."""


def info(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def made(header: Mapping[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def source(data: bytes) -> Source:
    return Source(Path("a.safetensors"), memoryview(data))


def ours(data: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    """What is read, in the form of the library's ``deserialize``."""
    found: dict[str, tuple[str, list[int], bytes]] = {}
    for each in read(source(data)).contents:
        if isinstance(each, Item):
            found[each.name] = each.dtype.torch, list(each.shape), bytes(each.read())
    return found


NAMES = {"F32": "float32", "U8": "uint8", "BF16": "bfloat16", "I64": "int64"}


def theirs(data: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    found = LIBRARY.deserialize(data)
    return {name: (NAMES[each["dtype"]], each["shape"], bytes(each["data"])) for name, each in found}


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file that is right, or nearly."""
    header: dict[str, Any] = {}
    at = 0
    for name in draw(st.lists(st.text(max_size=3), max_size=4, unique=True)):
        dtype = draw(
            st.sampled_from([*NAMES, "F4", "Q"]) if draw(st.integers(0, 9)) == 0 else st.sampled_from([*NAMES])
        )
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        size = {"F32": 4, "U8": 1, "BF16": 2, "I64": 8}.get(dtype, 1)
        for dim in shape:
            size *= dim
        begin = at + (draw(st.integers(-1, 1)) if draw(st.integers(0, 9)) == 0 else 0)
        header[name] = info(dtype, shape, begin, at + size)
        at += size
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.sampled_from([{}, {"format": "pt"}, {"a": 1}, None, 3]))
    whole = made(header, bytes(range(256)) * 20)[: len(made(header)) + at]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(whole) - 1))
        changed = bytes([draw(st.integers(0, 255))]) if draw(st.booleans()) else b""
        whole = whole[:place] + changed + whole[place + 1 :]
    return whole


@settings(max_examples=400, deadline=None)
@given(files())
def test_what_is_read_is_what_the_library_reads(data: bytes) -> None:
    try:
        found = read(source(data))
    except ModelFileError:
        return
    if not any(isinstance(each, Unfit) for each in found.contents):
        assert ours(data) == theirs(data)


def refusal(data: bytes) -> str:
    try:
        read(source(data))
    except ModelFileError as error:
        return str(error)
    return ""


@settings(max_examples=400, deadline=None)
@given(files())
def test_what_the_library_reads_is_read_but_for_what_no_tool_writes(data: bytes) -> None:
    try:
        LIBRARY.deserialize(data)
    except LIBRARY.SafetensorError:
        return
    more = ("twice", "the object", "a brace", "an object")
    assert refusal(data) == "" or any(words in refusal(data) for words in more)


FLOAT = info("F32", [1], 0, 4)
RAW = json.dumps(FLOAT).encode()
FAULTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "incomplete: 0 bytes, where the header's length alone takes 8"),
    "no header": (b"1234567", "incomplete: 7 bytes"),
    "a long header": (
        b"\xff" * 7 + b"\0{",
        "header of 72,057,594,037,927,935 bytes, where",
    ),
    "a cut header": (made({"a": FLOAT}, bytes(4))[:20], "incomplete: 49 of the header's 61 bytes are missing"),
    "cut": (made({"a": FLOAT}, bytes(3)), "incomplete: 1 of 4 bytes of tensors are missing at the end"),
    "more": (made({"a": FLOAT}, bytes(9)), "5 more bytes after the last tensor"),
    "a hole": (made({"a": info("F32", [1], 4, 8)}, bytes(8)), "4 bytes before the tensor 'a' belong to no tensor"),
    "overlap": (made({"a": FLOAT, "b": info("U8", [3], 2, 5)}, bytes(5)), "the tensors 'a' and 'b' share bytes"),
    "backwards": (made({"a": info("F32", [1], 4, 0)}, bytes(4)), "'a' has -4 bytes by its data_offsets"),
    "a size": (made({"a": info("F32", [2], 0, 4)}, bytes(4)), r"has 4 bytes .* where F32 of shape \[2\] takes 8"),
    "half a byte": (made({"a": info("F4", [3], 0, 1)}, b"1"), "takes 1.5"),
    "a dtype": (made({"a": info("F99", [1], 0, 4)}, bytes(4)), "'a' has the unknown dtype 'F99'"),
    "too large": (made({"a": info("F32", [2**63, 4, 0], 0, 0)}), "'a' has a shape of too many elements"),
    "negative": (
        made({"a": info("F32", [-1], 0, 4)}, bytes(4)),
        r"expected a whole number >= 0 at 'shape\[0\]'",
    ),
    "a fraction": (made({"a": info("F32", [1.0], 0, 4)}, bytes(4)), "of 'a', expected a whole number"),  # type: ignore
    "a sign": (made(b'{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), "a number with a sign"),
    "twice": (
        made(b'{"a":%s,"a":%s}' % (RAW, RAW), bytes(4)),
        "the header has the name 'a' twice",
    ),
    "a field twice": (
        made(b'{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', bytes(4)),
        "field twice",
    ),
    "metadata": (made({"__metadata__": {"a": 1}}), "expected text, got a whole number"),
    "deep": (made(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "JSON that is nested too deeply"),
    "no JSON": (made(b"{'a'}"), "no valid JSON"),
    "no UTF-8": (made(b'{"\xff":1}'), "JSON that is not UTF-8"),
    "a list": (made(b"[]"), "the header does not begin with a brace"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_stated(kind: str) -> None:
    data, said = FAULTS[kind]
    with pytest.raises(ModelFileError, match=f"a.safetensors: cannot be read as safetensors: .*{said}"):
        read(source(data))


@pytest.mark.parametrize("kind", sorted(FAULTS.keys() - {"twice"}))  # of which the library takes the last
def test_the_library_refuses_it_too(kind: str) -> None:
    with pytest.raises(LIBRARY.SafetensorError):
        LIBRARY.deserialize(FAULTS[kind][0])


def test_a_name_that_a_terminal_would_obey_is_escaped() -> None:
    with pytest.raises(ModelFileError) as refused:
        read(source(made({"\x1b[2J" + "x" * 10_000: info("F32", [2], 0, 4)}, bytes(4))))
    assert (r"\x1b[2Jxxx" in str(refused.value), len(str(refused.value)) < 300) == (True, True)


def test_what_torch_has_no_dtype_for_is_unfit_by_name() -> None:
    model = read(source(made({"a": info("F6_E2M3", [4], 0, 3)}, bytes(3))))
    assert model.contents == [
        Unfit("a", "of the dtype F6_E2M3, which is packed and has no counterpart in .NET: convert it in Python")
    ]


def test_the_offset_is_where_the_elements_are() -> None:
    data = made({"b": info("U8", [2], 2, 4), "a": info("U8", [2], 0, 2)}, b"1234")
    places = [(each.name, data[each.offset :][:2]) for each in read(source(data)).contents if isinstance(each, Item)]
    assert places == [("a", b"12"), ("b", b"34")]


def test_an_empty_tensor_may_begin_where_the_one_before_it_does() -> None:
    data = made({"a": FLOAT, "empty": info("U8", [0], 0, 0)}, b"1234")
    assert ours(data) == theirs(data)


def test_metadata_is_about_the_file() -> None:
    assert read(source(made({"__metadata__": {"format": "pt", "rank": "8"}}))).about == {"format": "pt", "rank": "8"}


def test_metadata_may_be_null() -> None:
    assert read(source(made(b'{"__metadata__":null}'))).about == {}


@pytest.mark.parametrize(
    ("data", "expected"), [(made({}), True), (made({})[:9], True), (b"{}", False), (b"\xff" * 8 + b"{", False)]
)
def test_content_shows_safetensors(data: bytes, expected: bool) -> None:
    assert claims(source(data)) is expected
