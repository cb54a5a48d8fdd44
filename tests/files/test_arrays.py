"""Arrays of numpy arrive with their bits, whatever their order; headers are read without evaluating them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tscompat.files.arrays import read_npy, read_npz
from tscompat.files.item import Item, ModelFileError, Unfit
from tscompat.files.kinds import read
from tscompat.files.npy import MAGIC, NpyError, header
from tscompat.files.source import Source

KINDS = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
ARRAYS = st.sampled_from([np.dtype(order + kind) for order in "<>" for kind in KINDS]).flatmap(
    lambda dtype: hnp.arrays(dtype, SHAPES)
)


SAVEZ: Any = np.savez
"""Its arguments are only partly typed."""


def saved(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def one(data: bytes) -> Item:
    (item,) = read_npy(Source(Path("a.npy"), memoryview(data))).contents
    assert isinstance(item, Item)
    return item


def expected(array: np.ndarray[Any, Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes("C")


@settings(max_examples=200, deadline=None)
@given(ARRAYS, st.booleans())
def test_an_array_arrives_with_its_bits(array: np.ndarray[Any, Any], fortran: bool) -> None:
    item = one(saved(np.array(array, order="F") if fortran else array))
    assert (item.shape, bytes(item.read())) == (array.shape, expected(array))


@pytest.mark.parametrize("dtype", ["<c8", ">c8", "<c16", ">c16"])
def test_the_parts_of_complex_elements_keep_their_order_in_fortrans(dtype: str) -> None:
    array = np.asfortranarray(np.arange(12, dtype="f8").view("c16").reshape(2, 3).astype(dtype))
    assert bytes(one(saved(array)).read()) == expected(array)


@settings(max_examples=50, deadline=None)
@given(st.lists(ARRAYS, min_size=1, max_size=3), st.booleans())
def test_arrays_of_a_zip_arrive_with_their_bits(arrays: list[np.ndarray[Any, Any]], packed: bool) -> None:
    file = io.BytesIO()
    named = {f"n{number}": array for number, array in enumerate(arrays)}
    (np.savez_compressed if packed else np.savez)(file, allow_pickle=False, **named)
    model = read_npz(Source(Path("a.npz"), memoryview(file.getvalue())))
    found = {each.name: bytes(each.read()) for each in model.contents if isinstance(each, Item)}
    assert found == {name: expected(array) for name, array in named.items()}


def test_a_stored_array_lies_at_its_offset(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(5.0), b=np.arange(5, dtype=">i4"))
    a, b = read(tmp_path / "a.npz", "", print).contents
    assert isinstance(a, Item)
    assert isinstance(b, Item)
    assert (tmp_path / "a.npz").read_bytes()[a.offset :][:40] == np.arange(5.0).tobytes()
    assert (a.copies, b.copies, b.offset) == (False, True, None)


def test_a_compressed_array_lies_nowhere_as_it_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(5.0))
    (item,) = read(tmp_path / "a.npz", "", print).contents
    assert isinstance(item, Item)
    assert (item.copies, item.offset) == (True, None)


def test_what_else_is_in_a_zip_of_arrays_is_passed_over(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(5.0))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("meta.json", "{}")
    model = read(tmp_path / "a.npz", "", print)
    assert ([each.name for each in model.contents], model.passed) == (["a"], ("meta.json",))


@pytest.mark.parametrize("model", ["b.pth", "b.safetensors", "b.npz"])
def test_a_zip_with_a_model_beside_an_array_is_none_of_arrays(model: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(5.0))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr(model, "")
    with pytest.raises(ModelFileError, match=rf"a zip file that holds a\.npy, {model}: unzip it and give that file"):
        read(tmp_path / "a.npz", "", print)


def npy(text: str, data: bytes = b"", version: int = 1) -> bytes:
    raw = text.encode("latin-1")
    return MAGIC + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(raw)) + raw + data


OTHER_WRITERS = {
    "Python 2": "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 2L), }",
    "another order": "{'shape': (3, 2), 'fortran_order': False, 'descr': '<f4'}",
    "no spaces": "{'descr':'<f4','fortran_order':False,'shape':(3,2)}",
    "double quotes": '{"descr": "<f4", "fortran_order": False, "shape": (3, 2)}   \n',
    "a comma": "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2,), }\0\0\n",
    "native": "{'descr': '=f4', 'fortran_order': False, 'shape': (3, 2)}",
}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("writer", OTHER_WRITERS)
def test_headers_of_other_writers(writer: str, version: int) -> None:
    item = one(npy(OTHER_WRITERS[writer], bytes(range(24)), version))
    assert (item.dtype.torch, item.shape, bytes(item.read())) == ("float32", (3, 2), bytes(range(24)))


HEAD = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
FAULTS: dict[str, tuple[bytes, str]] = {
    "code": (npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}"), "none of numpy's, from"),
    "a call": (npy(HEAD % "(f(),)"), "none of numpy's"),
    "a power": (npy(HEAD % "(9**99,)"), "none of numpy's"),
    "negative": (npy(HEAD % "(-1,)"), "none of numpy's"),
    "a number": (npy(HEAD % "(3)"), "expected fortran_order as True or False, shape as a tuple"),
    "a long number": (npy(HEAD % ("(" + "9" * 5000 + ",)")), "shape as a tuple"),
    "twice": (npy("{'descr': '<f4', 'descr': '<f4', 'shape': ()}"), "none of numpy's, from"),
    "a missing field": (npy("{'descr': '<f4', 'shape': ()}"), r"has the fields '\['descr', 'shape'\]', expected"),
    "no dict": (npy("[]"), "its header is none of numpy's: '\\[\\]'"),
    "many dims": (npy(HEAD % ("(" + "1," * 65 + ")")), "65 dimensions, where numpy has at most 64"),
    "a long header": (npy(HEAD % "()" + " " * 70_000, version=2), "has 70,053 bytes, where at most 65,536 are read"),
    "version 9": (npy(HEAD % "()", version=9), "of numpy's format 9, unknown here"),
    "cut in the magic": (MAGIC + b"\1", "incomplete: it ends in the header"),
    "cut in the length": (MAGIC + b"\1\0\5", "incomplete: it ends in the header"),
    "cut in the header": (npy(HEAD % "()")[:30], "incomplete: its header has 53 bytes, and 20 are there"),
    "cut": (npy(HEAD % "(3,)", bytes(11)), "incomplete: 1 of the array's 12 bytes are missing at the end"),
    "huge": (npy(HEAD % "(9999999999999999999, 9999999999999999999)"), "incomplete: .* bytes are missing at the end"),
    "more": (npy(HEAD % "(3,)", bytes(13)), "1 more bytes after the array"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_header_that_is_refused(kind: str) -> None:
    data, said = FAULTS[kind]
    with pytest.raises(NpyError, match=said):
        header(data, len(data))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([{}], dtype=object), "an array of Python objects, which is a pickle and could run any code"),
        (np.array(["a"]), "its numpy dtype <U1 has no counterpart among tensors"),
        (np.zeros(2, [("x", "<f4"), ("y", "<i8")]), r"its numpy dtype \[\('x', '<f4'\)"),
        (np.zeros(2, "M8[ns]"), r"its numpy dtype <M8\[ns\] has no counterpart"),
        (np.zeros(2, ml_dtypes.bfloat16), "its numpy dtype .V2 does not show the type, which may be bfloat16"),
        (np.zeros(2, "V1"), "which may be float8"),
        (np.zeros(2, np.longdouble), "its numpy dtype <f16 has no counterpart"),
    ],
)
def test_an_array_that_no_tensor_holds(array: np.ndarray[Any, Any], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", odd=array, fine=np.zeros(1))
    odd, fine = read(tmp_path / "a.npz", "", print).contents
    assert isinstance(odd, Unfit)
    assert isinstance(fine, Item)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(odd.why)


def test_a_header_of_version_3_is_utf8() -> None:
    text = "{'descr': [('é', '<f4')], 'fortran_order': False, 'shape': ()}".encode()
    data = MAGIC + b"\3\0" + struct.pack("<I", len(text)) + text
    assert header(data, len(data)).descr == "[('é', '<f4')]"


def test_a_single_array_that_no_tensor_holds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["a"]))
    with pytest.raises(ModelFileError, match=r"a\.npy: its numpy dtype <U1 has no counterpart"):
        read(tmp_path / "a.npy", "", print)


def test_a_single_array_has_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    model = read(tmp_path / "a.npy", "", print)
    assert (model.single, [each.name for each in model.contents]) == (True, [""])
