"""A part of a model is refused with what to do; a folder that holds one whole model is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import safetensors.torch
import torch

from samples import save_safetensors
from tscompat.files.item import Item, ModelFileError
from tscompat.files.kinds import read
from tscompat.verbs.convert import prepare, prepare_optimizer

A, B = {"a": torch.ones(3)}, {"b": torch.arange(2)}
FIRST, SECOND = (f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
FIRST_BIN, SECOND_BIN = (f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2))
INDEX, INDEX_BIN = "model.safetensors.index.json", "pytorch_model.bin.index.json"

Make: TypeAlias = Callable[[Path], Path]
"""Makes files in a folder and returns the path to convert."""


def save(file: Path, state: Mapping[str, torch.Tensor] = A, metadata: dict[str, str] | None = None) -> None:
    file.parent.mkdir(exist_ok=True)
    if file.suffix == ".safetensors":
        save_safetensors(dict(state), file, metadata)
    else:
        torch.save(state, file)


def index(folder: Path, shards: Mapping[str, Any], name: str = INDEX, **metadata: Any) -> Path:
    """Write shards and their index, and return the index."""
    for shard, state in shards.items():
        save(folder / shard, state)
    weights = {key: shard for shard, state in shards.items() for key in state}
    (folder / name).write_text(json.dumps({"metadata": metadata, "weight_map": weights}))
    return folder / name


def names(source: Path) -> list[str]:
    return sorted(each.name for each in read(source, "", print).contents)


def files(*paths: str, given: str = "") -> Make:
    """Makes files with one tensor each, and returns the path ``given`` in their folder."""

    def make(folder: Path) -> Path:
        for path in paths:
            save(folder / path)
        return folder / given

    return make


def indexed(*paths: str, given: str = "", name: str = INDEX, first: str = FIRST, second: str = SECOND) -> Make:
    """Makes two shards, their index, and other files, and returns the path ``given`` in their folder."""

    def make(folder: Path) -> Path:
        index(folder, {first: A, second: B}, name)
        return files(*paths, given=given)(folder)

    return make


def shards(first: str, second: str, given: str = "") -> Make:
    """Makes two shards without an index, and returns the path ``given`` in their folder."""

    def make(folder: Path) -> Path:
        save(folder / first, A)
        save(folder / second, B)
        return folder / given

    return make


def half_an_index(folder: Path) -> Path:
    save(folder / SECOND, B)
    return index(folder, {FIRST: A})


def without_a_shard(folder: Path) -> Path:
    indexed()(folder)
    (folder / SECOND).unlink()
    return folder


def linked(name: str, target: str) -> Make:
    def make(folder: Path) -> Path:
        save(folder / target)
        try:
            (folder / name).symlink_to(target)
        except OSError:
            pytest.skip("no right to make links here")
        return folder / name

    return make


PROCESS = "put the parts together with the tool that wrote them"
OR_RENAME = "or rename it if it holds the whole model"
OR_GIVE = "or give the file that has the whole model"

PARTS: dict[str, tuple[Make, str]] = {
    "a rank alone": (files("model_rank1.pt", given="model_rank1.pt"), f"'rank1' shows: {PROCESS}.*{OR_RENAME}"),
    "a rank of two": (files("rank0.bin", "rank1.bin", given="rank0.bin"), f"'rank0' shows: {PROCESS}"),
    "the folder of ranks": (files("a_rank0.pt", "a_rank1.pt"), f"a_rank0.pt, a_rank1.pt: {PROCESS}.*{OR_GIVE}"),
    "ranks beside less": (files("rank0.pt", "rank1.pt", "stats.bin"), PROCESS),
    "in the folder of a rank": (files("rank0/model.bin", given="rank0/model.bin"), "'rank0' shows"),
    "the folder of a rank": (files("rank0/model.bin", given="rank0"), "'rank0' shows"),
    "the folder of the folders": (files("rank0/model.bin", "rank1/model.bin"), "rank0, rank1: put"),
    "folders of ranks beside less": (files("mp_rank_00/model.bin", "stats.bin"), "mp_rank_00: put"),
    "a checkpoint of torch.distributed": (
        files("__0_0.distcp", "common.bin"),
        "torch.distributed.checkpoint.format_utils dcp_to_torch",
    ),
    "a link to a rank": (linked("latest.pt", "model_rank0.pt"), "'rank0' shows"),
    "a link with the name of a rank": (linked("model_rank0.pt", "blob.pt"), "'rank0' shows"),
    "Meta's": (files("consolidated.00.pth", "consolidated.01.pth", given="consolidated.00.pth"), PROCESS),
    "a shard beside its index": (indexed(given=FIRST), f"one of the 2 shards that {INDEX} names: convert .*{INDEX}"),
    "a shard by its index": (
        indexed(given="a.bin", first="a.bin", second="b.bin", name=INDEX_BIN),
        "one of the 2 shards",
    ),
    "one shard of two": (
        files(FIRST),
        f"of a set of 2 shards, 1 are here, and {SECOND} is missing: get all of the set",
    ),
    "one shard of three": (files("m-2-of-3.pt"), "and m-1-of-3.pt, m-3-of-3.pt are missing"),
    "from zero": (files("m-0-of-3.pt", "m-1-of-3.pt"), "and m-2-of-3.pt is missing"),
    "a set beside a file": (
        files("m-1-of-2.pt", "m-2-of-2.pt", "stats.bin"),
        "one of m-1-of-2.pt and 1 more, stats.bin",
    ),
    "two sets": (files("a-1-of-2.pt", "a-2-of-2.pt", "b-1-of-2.pt", "b-2-of-2.pt"), "the folder has 2 models"),
    "a missing shard": (without_a_shard, f"names {SECOND}, which is not in the same folder"),
    "an index of one of two": (half_an_index, rf"names only 1 of 2 shards \({FIRST}\): download it again"),
    "the folder of that": (lambda folder: half_an_index(folder).parent, rf"names only 1 of 2 shards \({FIRST}\)"),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_is_refused(kind: str, tmp_path: Path) -> None:
    make, message = PARTS[kind]
    with pytest.raises(ModelFileError, match=message):
        read(make(tmp_path), "", print)


BESIDE_A_MODEL = ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "rng_state_1.pth", "training_args.bin")
WHOLE: dict[str, tuple[Make, list[str]]] = {
    "one file": (files("model.safetensors", *BESIDE_A_MODEL, "optimizer_rank0.pt", "global_step5/rank0.pt"), ["a"]),
    "ranks beside a whole file": (files("rank0.pt", "rank1.pt", "model.safetensors"), ["a"]),
    "a set by its names": (shards(FIRST, SECOND), ["a", "b"]),
    "a set of .pt": (shards("m-1-of-2.pt", "m-2-of-2.pt"), ["a", "b"]),
    "a set from zero": (shards("m-0-of-2.pt", "m-1-of-2.pt"), ["a", "b"]),
    "a shard alone": (shards(FIRST, SECOND, given=FIRST), ["a"]),
    "another set beside an index": (indexed("model-00001-of-00003.safetensors"), ["a", "b"]),
    "ranks beside an index": (indexed("model_rank0.bin"), ["a", "b"]),
    "two formats": (files("model.safetensors", "pytorch_model.bin"), ["a"]),
    "an index": (indexed(*BESIDE_A_MODEL, "adapter_model.bin"), ["a", "b"]),
    "an index beside Meta's files": (indexed("consolidated.00.pth", "consolidated.01.pth"), ["a", "b"]),
    "the index beside a file": (indexed("model.safetensors", given=INDEX), ["a", "b"]),
    "the file beside an index": (indexed("model.safetensors", given="model.safetensors"), ["a"]),
    "a set of one": (lambda folder: index(folder, {"model-00001-of-00001.safetensors": A}).parent, ["a"]),
    "the only shard of an index": (
        lambda folder: index(folder, {"model-00001-of-00001.safetensors": A}).with_name(
            "model-00001-of-00001.safetensors"
        ),
        ["a"],
    ),
    "a file of ranks by its new name": (files("model_rank0.pt", "model.pt", given="model.pt"), ["a"]),
    "an adapter": (files("rank_16/adapter_model.safetensors", given="rank_16"), ["a"]),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_model_is_read(kind: str, tmp_path: Path) -> None:
    make, expected = WHOLE[kind]
    assert names(make(tmp_path)) == expected


@pytest.mark.parametrize("make", [shards(FIRST, SECOND), indexed()], ids=["by their names", "by an index"])
def test_a_tensor_of_several_files_has_no_offset(make: Make, tmp_path: Path) -> None:
    contents = read(make(tmp_path), "", print).contents
    assert [each.offset for each in contents if isinstance(each, Item)] == [None, None]


def test_both_indexes_of_a_model_may_be_there(tmp_path: Path) -> None:
    indexed()(tmp_path)
    index(tmp_path, {FIRST_BIN: A, SECOND_BIN: B}, INDEX_BIN)
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("given", ["", FIRST])
def test_an_index_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    save(tmp_path / FIRST)
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(ModelFileError, match=f"{INDEX}: no valid JSON"):
        read(tmp_path / given, "", print)


def test_an_index_is_of_shards_only(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{")
    np.save(tmp_path / "a.npy", np.ones(3))
    assert names(tmp_path / "a.npy") == [""]


def test_nothing_is_written_of_a_part(tmp_path: Path) -> None:
    save(tmp_path / "model_rank0.pt")
    with pytest.raises(ModelFileError):
        prepare(tmp_path / "model_rank0.pt", tmp_path / "model.dat", tell=print)
    assert [file.name for file in tmp_path.iterdir()] == ["model_rank0.pt"]


def test_a_part_of_an_optimizer_is_refused(tmp_path: Path) -> None:
    torch.save(torch.optim.SGD([torch.ones(1)]).state_dict(), tmp_path / "optimizer_rank0.pt")
    with pytest.raises(ModelFileError, match="'rank0' shows"):
        prepare_optimizer(tmp_path / "optimizer_rank0.pt", tmp_path / "b.dat", name="SGD", tell=print)


class Tied(torch.nn.Module):
    """The first and the last layer of a language model, which share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = torch.nn.Embedding(4, 2), torch.nn.Linear(2, 4, bias=False)
        self.head.weight = self.embed.weight


@pytest.mark.parametrize("given", ["", "a.safetensors"])
def test_tied_names_come_back(given: str, tmp_path: Path) -> None:
    safetensors.torch.save_model(Tied(), str(tmp_path / "a.safetensors"))
    contents = {each.name: each for each in read(tmp_path / given, "", print).contents}
    embed, head = contents["embed.weight"], contents["head.weight"]
    assert isinstance(embed, Item)
    assert isinstance(head, Item)
    assert (head.tie, bytes(head.read())) == (embed.tie, bytes(embed.read()))


@pytest.mark.parametrize("kept", ["a", "b"])
@pytest.mark.parametrize("where", ["index", "shard"])
def test_tied_names_of_shards_come_back(where: str, kept: str, tmp_path: Path) -> None:
    path = index(tmp_path, {FIRST: A, SECOND: B}, total_size=28, **({"c": kept} if where == "index" else {}))
    if where == "shard":
        save(tmp_path / SECOND, B, {"c": kept})
    assert names(path) == ["a", "b", "c"]


@pytest.mark.parametrize("kept", ["a", "b"])
def test_tied_names_of_a_set_by_its_names_come_back(kept: str, tmp_path: Path) -> None:
    save(tmp_path / FIRST, A)
    save(tmp_path / SECOND, B, {"c": kept})
    assert names(tmp_path) == ["a", "b", "c"]


def test_a_tied_name_in_the_weight_map_comes_back(tmp_path: Path) -> None:
    index(tmp_path, {FIRST: A, SECOND: B}, INDEX)
    weights = {"a": FIRST, "c": FIRST, "b": SECOND}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": weights, "metadata": {"c": "a"}}))
    assert names(tmp_path / INDEX) == ["a", "b", "c"]


def test_a_tied_name_that_only_the_index_has_is_refused(tmp_path: Path) -> None:
    path = index(tmp_path, {FIRST: A | B, SECOND: B})
    save(tmp_path / FIRST, A)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": FIRST, "c": FIRST, "b": SECOND}}))
    with pytest.raises(
        ModelFileError, match=r"do not agree on 1 name \('c'\): .* where it is a tied name, load the model"
    ):
        read(path, "", print)


def test_metadata_that_ties_nothing_is_none_of_this(tmp_path: Path) -> None:
    state = {"pt": torch.ones(1), "a": torch.ones(1), "b": torch.ones(2)}
    save(tmp_path / "a.safetensors", state, {"format": "pt", "a": "b", "author": "somebody"})
    assert names(tmp_path / "a.safetensors") == ["a", "b", "pt"]
