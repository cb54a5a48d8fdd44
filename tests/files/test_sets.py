"""A part of a model is refused with what to do; a folder that holds one whole model is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import safetensors.torch
import torch

from samples import save_safetensors
from tscompat.files.item import ModelFileError
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


def half_an_index(folder: Path) -> Path:
    save(folder / SECOND, B)
    return index(folder, {FIRST: A})


def without_a_shard(folder: Path) -> Path:
    indexed()(folder)
    (folder / SECOND).unlink()
    return folder


def linked(folder: Path) -> Path:
    save(folder / "model_rank0.pt")
    try:
        (folder / "latest.pt").symlink_to("model_rank0.pt")
    except OSError:
        pytest.skip("no right to make links here")
    return folder / "latest.pt"


PROCESS = "put the parts together with the tool that wrote them"
OR_RENAME = "or rename it if it holds the whole model"
SET = "convert the index .* that names all shards, with all of them beside it"
OR_GIVE = "or give the file that has the whole model"

PARTS: dict[str, tuple[Make, str]] = {
    "a rank alone": (files("model_rank1.pt", given="model_rank1.pt"), f"'rank1' shows: {PROCESS}.*{OR_RENAME}"),
    "a rank of two": (files("rank0.bin", "rank1.bin", given="rank0.bin"), f"'rank0' shows: {PROCESS}"),
    "the folder of ranks": (files("a_rank0.pt", "a_rank1.pt"), f"a_rank0.pt, a_rank1.pt: {PROCESS}.*{OR_GIVE}"),
    "ranks beside less": (files("rank0.pt", "rank1.pt", "stats.bin"), PROCESS),
    "ranks beside a whole file": (files("rank0.pt", "rank1.pt", "model.safetensors"), OR_GIVE),
    "in the folder of a rank": (files("rank0/model.bin", given="rank0/model.bin"), "'rank0' shows"),
    "the folder of a rank": (files("rank0/model.bin", given="rank0"), "'rank0' shows"),
    "the folder of the folders": (files("rank0/model.bin", "rank1/model.bin"), "rank0, rank1: put"),
    "folders of ranks beside less": (files("mp_rank_00/model.bin", "stats.bin"), "mp_rank_00: put"),
    "a checkpoint of torch.distributed": (files("__0_0.distcp", "common.bin"), "__0_0.distcp: put"),
    "a link to a rank": (linked, "'rank0' shows"),
    "Meta's": (files("consolidated.00.pth", "consolidated.01.pth", given="consolidated.00.pth"), PROCESS),
    "a shard alone": (files(FIRST, given=FIRST), f"one shard of a set, as '00001-of-00002' shows: {SET}, {OR_RENAME}"),
    "a shard beside its index": (indexed(given=FIRST), f"one of the 2 shards that {INDEX} names: convert .*{INDEX}"),
    "a shard by its index": (
        indexed(given="a.bin", first="a.bin", second="b.bin", name=INDEX_BIN),
        "one of the 2 shards",
    ),
    "no index": (files(FIRST, SECOND), f"no index names, {FIRST}, {SECOND}: {SET}, {OR_GIVE}"),
    "no index and one shard": (files(FIRST), f"no index names, {FIRST}: {SET}"),
    "no index, .pt": (files("m-1-of-2.pt", "m-2-of-2.pt"), "no index names, m-1-of-2.pt, m-2-of-2.pt"),
    "no index, beside less": (files("m-1-of-2.pt", "m-2-of-2.pt", "stats.bin"), "no index names"),
    "a missing shard": (without_a_shard, f"names {SECOND}, which is not in the same folder"),
    "an index of one of two": (half_an_index, rf"names only 1 of 2 shards \({FIRST}\): download it again"),
    "the folder of that": (lambda folder: half_an_index(folder).parent, f"no index names, {SECOND}"),
    "two sets": (indexed("model-00001-of-00003.safetensors"), "no index names, model-00001-of-00003.safetensors"),
    "ranks beside an index": (indexed("model_rank0.bin"), "no index names, model_rank0.bin"),
    "an index beside a file": (
        indexed("model.safetensors"),
        f"{INDEX}, model.safetensors each stand for the whole model",
    ),
    "an index beside a .bin": (indexed("pytorch_model.bin"), f"{INDEX}, pytorch_model.bin each stand"),
    "an index of .bin": (
        indexed("model.safetensors", name=INDEX_BIN, first=FIRST_BIN, second=SECOND_BIN),
        f"{INDEX_BIN}, model.safetensors each stand .* give the one that you mean",
    ),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_is_refused(kind: str, tmp_path: Path) -> None:
    make, message = PARTS[kind]
    with pytest.raises(ModelFileError, match=message):
        read(make(tmp_path), "", print)


BESIDE_A_MODEL = ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "rng_state_1.pth", "training_args.bin")
WHOLE: dict[str, tuple[Make, list[str]]] = {
    "one file": (files("model.safetensors", *BESIDE_A_MODEL, "optimizer_rank0.pt", "global_step5/rank0.pt"), ["a"]),
    "two formats": (files("model.safetensors", "pytorch_model.bin"), ["a"]),
    "an index": (indexed(*BESIDE_A_MODEL, "adapter_model.bin"), ["a", "b"]),
    "an index beside Meta's files": (indexed("consolidated.00.pth", "consolidated.01.pth"), ["a", "b"]),
    "the index beside a file": (indexed("model.safetensors", given=INDEX), ["a", "b"]),
    "the file beside an index": (indexed("model.safetensors", given="model.safetensors"), ["a"]),
    "a set of one": (lambda folder: index(folder, {"model-00001-of-00001.safetensors": A}).parent, ["a"]),
    "a file of ranks by its new name": (files("model_rank0.pt", "model.pt", given="model.pt"), ["a"]),
    "an adapter": (files("rank_16/adapter_model.safetensors", given="rank_16"), ["a"]),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_model_is_read(kind: str, tmp_path: Path) -> None:
    make, expected = WHOLE[kind]
    assert names(make(tmp_path)) == expected


def test_both_indexes_of_a_model_may_be_there(tmp_path: Path) -> None:
    indexed()(tmp_path)
    index(tmp_path, {FIRST_BIN: A, SECOND_BIN: B}, INDEX_BIN)
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("given", ["", FIRST])
def test_an_index_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    save(tmp_path / FIRST)
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(ModelFileError, match=f"{INDEX} is not valid JSON"):
        read(tmp_path / given, "", print)


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


def test_tied_names_in_metadata_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_model(Tied(), str(tmp_path / "a.safetensors"))
    with pytest.raises(ModelFileError, match=r"tied names, .* \(head.weight = embed.weight\): load it into the model"):
        read(tmp_path / "a.safetensors", "", print)


@pytest.mark.parametrize("kept", ["a", "b"])
@pytest.mark.parametrize("where", ["index", "shard"])
def test_tied_names_of_shards_are_refused(where: str, kept: str, tmp_path: Path) -> None:
    path = index(tmp_path, {FIRST: A, SECOND: B}, total_size=28, **({"c": kept} if where == "index" else {}))
    if where == "shard":
        save(tmp_path / SECOND, B, {"c": kept})
    with pytest.raises(ModelFileError, match=rf"tied names, .* \(c = {kept}\)"):
        read(path, "", print)


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


@pytest.mark.parametrize(("offsets", "whole"), [([0, 0], True), ([4, 0], False), ([0, 10], False)])
def test_a_part_of_a_tensor_is_refused(offsets: list[int], whole: bool, tmp_path: Path) -> None:
    info = json.dumps({"layers.1.weight": {"saved_offsets": offsets}})
    save(tmp_path / "a.safetensors", A, {"format": "pt", "DCP_VERSION": "1.0", "DCP_SHARDING_INFO": info})
    if whole:
        assert names(tmp_path / "a.safetensors") == ["a"]
    else:
        with pytest.raises(ModelFileError, match=f"records parts of tensors: {PROCESS}"):
            read(tmp_path / "a.safetensors", "", print)
