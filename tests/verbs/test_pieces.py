"""Elements in pieces: all of them once, in order, and no more of a mapped file in memory than a piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from tscompat.codec.reader import flat, map_file
from tscompat.files.item import Item
from tscompat.values.dtypes import BY_NAME, DType
from tscompat.verbs.pieces import PIECE, pieces
from verbs.items import item

U8 = BY_NAME["u8"]


@pytest.mark.parametrize("dtype", [BY_NAME[name] for name in ("u8", "bf16", "f32", "c128")], ids=repr)
def test_pieces_are_all_elements_in_order(dtype: DType) -> None:
    data = np.random.default_rng(0).integers(0, 256, 2 * PIECE + 5 * dtype.itemsize, np.uint8)
    found = list(pieces(Item("w", dtype, (data.size // dtype.itemsize,), lambda: data, copies=False)))
    assert (np.concatenate(found).tobytes() == data.tobytes(), [piece.size for piece in found[:2]]) == (
        True,
        [PIECE, PIECE],
    )


def test_pieces_of_so_many_elements() -> None:
    assert [piece.tobytes() for piece in pieces(item([1, 2, 3], "u8"), 2)] == [b"\1\2", b"\3"]


def test_an_empty_tensor_has_no_pieces() -> None:
    assert list(pieces(item([]))) == []


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[Item, bytes]:
    """An item that is a part of a mapped file, and its bytes; it begins and ends within a page."""
    data = np.random.default_rng(1).integers(0, 256, 64 * PIECE, np.uint8).tobytes()
    (tmp_path / "a").write_bytes(data)
    view = flat(map_file(tmp_path / "a"))[5:-7]
    return Item("w", U8, (len(view),), lambda: view, copies=False), data[5:-7]


def test_a_mapped_file_is_read_right(mapped: tuple[Item, bytes]) -> None:
    part, data = mapped
    assert [b"".join(piece.tobytes() for piece in pieces(part)) for _ in range(2)] == [data, data]


@pytest.mark.skipif(not psutil.LINUX, reason="what a process holds of a mapped file is counted on Linux")
def test_a_mapped_file_does_not_fill_the_memory(mapped: tuple[Item, bytes]) -> None:
    part, _ = mapped
    before = psutil.Process().memory_info().shared
    most = max(psutil.Process().memory_info().shared for piece in pieces(part) if piece.max() >= 0)
    assert most - before < 16 * PIECE
