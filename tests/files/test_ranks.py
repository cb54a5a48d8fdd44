"""The shards of several ranks are put together by the offsets in their metadata; one alone is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import Item, ModelFileError, Unfit
from tscompat.files.kinds import read

WHOLE = torch.arange(24.0).reshape(4, 6)


def shard(folder: Path, rank: int, state: dict[str, tuple[torch.Tensor, list[int]]], name: str = "") -> Path:
    offsets = {key: {"saved_offsets": begin} for key, (_, begin) in state.items()}
    about = {"DCP_VERSION": "1.0", "DCP_SHARDING_INFO": json.dumps(offsets), "format": "pt"}
    path = folder / (name or f"shard-{rank:05}-model-00001-of-00001.safetensors")
    save_safetensors({key: tensor.contiguous() for key, (tensor, _) in state.items()}, path, about)
    return path


def cut(*boxes: tuple[int, int, int, int]) -> list[tuple[torch.Tensor, list[int]]]:
    """Parts of the whole, by their first and last rows and columns."""
    return [(WHOLE[top:bottom, left:right].clone(), [top, left]) for top, bottom, left, right in boxes]


ROWS = cut((0, 2, 0, 6), (2, 4, 0, 6))
COLUMNS = cut((0, 4, 0, 1), (0, 4, 1, 4), (0, 4, 4, 6))
BOTH = cut((0, 2, 0, 3), (0, 2, 3, 6), (2, 4, 0, 3), (2, 4, 3, 6))
UNEVEN = cut((0, 1, 0, 6), (1, 4, 0, 2), (1, 4, 2, 6))
SCALAR: list[tuple[torch.Tensor, list[int]]] = [(torch.tensor(1.0), [])]


@pytest.mark.parametrize("parts", [ROWS, COLUMNS, BOTH, UNEVEN, ROWS[::-1]])
def test_the_parts_are_put_together(parts: list[tuple[torch.Tensor, list[int]]], tmp_path: Path) -> None:
    for rank, part in enumerate(parts, 1):
        shard(tmp_path, rank, {"weight": part})
    (item,) = read(tmp_path, "", print).contents
    assert isinstance(item, Item)
    assert (item.shape, bytes(item.read())) == ((4, 6), WHOLE.numpy().tobytes())


def test_a_tensor_that_one_rank_has_whole(tmp_path: Path) -> None:
    shard(tmp_path, 1, {"weight": ROWS[0], "bias": (torch.ones(3), [0])})
    shard(tmp_path, 2, {"weight": ROWS[1]})
    shapes = {each.name: each.shape for each in read(tmp_path, "", print).contents if isinstance(each, Item)}
    assert shapes == {"weight": (4, 6), "bias": (3,)}


def test_that_the_last_rank_may_be_missing_is_stated(tmp_path: Path) -> None:
    for rank, part in enumerate(COLUMNS[:2], 1):
        shard(tmp_path, rank, {"weight": part})
    said: list[str] = []
    read(tmp_path, "", said.append)
    assert any("those of 2 ranks, and no file shows how many there were" in sentence for sentence in said)


def test_a_tensor_of_one_of_several_files_has_no_offset(tmp_path: Path) -> None:
    for rank, name in enumerate(("weight", "bias"), 1):
        shard(tmp_path, rank, {name: (torch.ones(3), [0])})
    assert [each.offset for each in read(tmp_path, "", print).contents if isinstance(each, Item)] == [None, None]


def test_what_no_tensor_holds_is_not_lost_on_the_way(tmp_path: Path) -> None:
    odd = {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}
    header = json.dumps({"__metadata__": {"DCP_SHARDING_INFO": "{}"}, "odd": odd}).encode()
    shard(tmp_path, 1, {"weight": (WHOLE, [0, 0])})
    (tmp_path / "shard-00002-model-00001-of-00001.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + b"1"
    )
    assert [type(each) for each in read(tmp_path, "", print).contents] == [Item, Unfit]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (ROWS[1:], "what one of several processes saved, and nothing shows how many"),
        ([BOTH[0], BOTH[3]], "12 of 24 elements of 'weight' are in no shard"),
        ([*ROWS, ROWS[0]], "both have the same elements of 'weight': keep the shards of one checkpoint"),
        (SCALAR * 2, "both have the same elements of 'weight'"),
        ([ROWS[0], *cut((1, 4, 0, 6))], "both have the same elements of 'weight'"),
        (cut((0, 4, 0, 2), (0, 2, 2, 6), (2, 4, 0, 6)), "both have the same elements of 'weight'"),
        ([ROWS[0], (ROWS[1][0].half(), [2, 0])], "the parts of 'weight' differ in dtype or rank"),
        ([ROWS[0], (torch.ones(6), [2])], "the parts of 'weight' differ in dtype or rank"),
        ([ROWS[0], (ROWS[1][0], [2])], "1 offsets for 'weight', of 2 dims"),
        ([ROWS[0], (ROWS[1][0], [2**62, 0])], "elements of 'weight' are in no shard"),
        (
            [ROWS[0], (ROWS[1][0], [-2, 0])],
            "DCP_SHARDING_INFO cannot be read: expected a whole number >= 0",
        ),
    ],
)
def test_parts_that_make_no_whole(parts: list[tuple[torch.Tensor, list[int]]], said: str, tmp_path: Path) -> None:
    for rank, part in enumerate(parts, 1):
        shard(tmp_path, rank, {"weight": part})
    with pytest.raises(ModelFileError, match=said):
        read(tmp_path, "", print)


def test_one_alone_is_refused_by_its_offsets(tmp_path: Path) -> None:
    path = shard(tmp_path, 2, {"bias": (torch.ones(3), [0]), "weight": ROWS[1]}, "model.safetensors")
    with pytest.raises(ModelFileError, match=r"records parts of tensors, one rank's: give the folder"):
        read(path, "", print)


def test_one_alone_is_refused_by_its_name(tmp_path: Path) -> None:
    path = shard(tmp_path, 1, {"weight": ROWS[0]})
    with pytest.raises(ModelFileError, match="one of several processes saved, as 'shard-00001' shows: give"):
        read(path, "", print)


def test_the_first_alone_by_another_name_is_warned_of(tmp_path: Path) -> None:
    said: list[str] = []
    read(shard(tmp_path, 1, {"weight": ROWS[0]}, "model.safetensors"), "", said.append)
    assert "if several ranks wrote it, this is one rank's part" in said[0]
