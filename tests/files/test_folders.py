"""A folder's model is found by the rules of the tool that wrote it; what is left is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import read

NEW, OLD = {"new": torch.ones(1)}, {"old": torch.zeros(1)}
SHARDS = ("{}-00001-of-00002{}", "{}-00002-of-00002{}")
INDEX, INDEX_BIN = "model.safetensors.index.json", "pytorch_model.bin.index.json"
DIFFUSION, DIFFUSION_INDEX = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"

Make: TypeAlias = Callable[[Path], None]


def save(file: Path, state: dict[str, torch.Tensor]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".safetensors":
        save_safetensors(state, file)
    else:
        torch.save(state, file)


def index(folder: Path, name: str, state: dict[str, torch.Tensor], gone: bool = False) -> None:
    """Write an index, and its two shards unless they are gone."""
    stem, _, rest = name.partition(".")
    suffix = ".safetensors" if "safetensors" in rest else ".bin"
    first, second = (each.format(stem, suffix) for each in SHARDS)
    weights = {**dict.fromkeys(state, first), "second": second}
    (folder / name).write_text(json.dumps({"weight_map": weights}))
    if not gone:
        save(folder / first, state)
        save(folder / second, {"second": torch.ones(2)})


def made(new: str, *others: str, stale: str = "", gone: bool = False) -> Make:
    """Makes the file or index ``new``, other files with old tensors, and a stale index."""

    def make(folder: Path) -> None:
        for other in others:
            save(folder / other, OLD)
        if stale:
            index(folder, stale, OLD, gone)
        if new.endswith(".json"):
            index(folder, new, NEW)
        else:
            save(folder / new, NEW)

    return make


BESIDE = (
    *("optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "training_args.bin", "scaler.pt"),
    *("random_states_0.pkl", "rng_state.pth", "rng_state_0.pth", "sampler.bin", "mp_optimizer.pt"),
)
TAKEN: dict[str, Make] = {
    "safetensors before .bin": made("model.safetensors", "pytorch_model.bin"),
    "a file before an index": made("model.safetensors", stale=INDEX),
    "a file before an index of .bin": made("model.safetensors", stale=INDEX_BIN),
    "an index of safetensors before .bin": made(INDEX, "pytorch_model.bin"),
    "a .bin before its index": made("pytorch_model.bin", stale=INDEX_BIN),
    "an index of safetensors before one of .bin": made(INDEX, stale=INDEX_BIN),
    "a file beside a stale index": made("model.safetensors", stale=INDEX, gone=True),
    "what training saves": made("model.safetensors", *BESIDE),
    "an accelerate checkpoint of .bin": made("pytorch_model.bin", *BESIDE),
    "an adapter beside the model": made("model.safetensors", "adapter_model.safetensors"),
    "an adapter alone": made("adapter_model.safetensors"),
    "an older adapter": made("adapter_model.safetensors", "adapter_model.bin"),
    "diffusers": made(DIFFUSION, "diffusion_pytorch_model.bin"),
    "diffusers, an index first": made(DIFFUSION_INDEX, DIFFUSION),
    "diffusers, a stale index": made(DIFFUSION, stale=DIFFUSION_INDEX, gone=True),
    "diffusers, an index of .bin": made(DIFFUSION, stale="diffusion_pytorch_model.bin.index.json"),
    "Mistral": made("model.safetensors", "consolidated.safetensors"),
    "a variant": made("model.fp16.safetensors", "pytorch_model.fp16.bin"),
    "no variant": made("model.safetensors", "model.fp16.safetensors", "model.bf16.safetensors"),
    "variants of two tools": made("model.fp16.safetensors", "diffusion_pytorch_model.bf16.safetensors"),
    "a variant of diffusers": made("diffusion_pytorch_model.fp16.safetensors"),
    "a checkpoint": made("epoch=3-step=100.ckpt", "optimizer.pt"),
    "a .pth": made("resnet50.pth"),
    "a .pt": made("best.pt"),
    "open_clip": made("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "a name like an optimizer's": made("optimized.pth", "optimizer.pth"),
    "a name like a scaler's": made("upscaler.pth", "scaler.pth"),
    "a state": made("model_state.pth", "training_state.pth"),
    "an index of another name": made("weights.safetensors.index.json"),
    "another name": made("weights.safetensors", "weights.bin"),
    "what macOS leaves": made("weights.pth", "._weights.pth"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_the_model_of_a_folder(kind: str, tmp_path: Path) -> None:
    TAKEN[kind](tmp_path)
    found = {each.name for each in read(tmp_path, "", print).contents}
    assert found - {"second"} == {"new"}


def test_a_key_is_of_the_file_in_the_folder(tmp_path: Path) -> None:
    torch.save({"model": NEW, "ema": OLD}, tmp_path / "a.pth")
    assert [each.name for each in read(tmp_path, "ema", print).contents] == ["old"]


def test_a_variant_of_an_index(tmp_path: Path) -> None:
    shards = ["model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors"]
    for shard, state in zip(shards, (NEW, OLD), strict=True):
        save(tmp_path / shard, state)
    weights = {"new": shards[0], "old": shards[1]}
    (tmp_path / "model.safetensors.index.fp16.json").write_text(json.dumps({"weight_map": weights}))
    assert [each.name for each in read(tmp_path, "", print).contents] == ["new", "old"]


LEFT: dict[str, tuple[Make, str]] = {
    "nothing": (made("model.safetensors", *BESIDE), "reading model.safetensors of the folder"),
    "a .bin": (made("model.safetensors", "pytorch_model.bin"), "; left: pytorch_model.bin"),
    "a stale index": (
        made("model.safetensors", stale=INDEX),
        f"; left: model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, {INDEX}",
    ),
    "another format": (
        lambda folder: [made("model.safetensors")(folder), (folder / "model.onnx").touch()][0],
        "; left: model.onnx",
    ),
    "shards of no index": (
        made("m-1-of-2.pt", "m-2-of-2.pt"),
        "reading m-1-of-2.pt and 1 more of the folder",
    ),
}


@pytest.mark.parametrize("other", ["best.onnx", "best.Q4_K_M.gguf", "tf_model.h5", "flax_model.msgpack"])
def test_a_model_beside_the_file_of_another_tool_is_read(other: str, tmp_path: Path) -> None:
    made("best.pt")(tmp_path)
    (tmp_path / other).touch()
    said: list[str] = []
    read(tmp_path, "", said.append)
    assert said == [f"reading best.pt of the folder; left: {other}"]


@pytest.mark.parametrize("kind", LEFT)
def test_what_is_left_is_named(kind: str, tmp_path: Path) -> None:
    make, expected = LEFT[kind]
    make(tmp_path)
    said: list[str] = []
    read(tmp_path, "", said.append)
    assert said[0].endswith(expected)


def nested(folder: Path) -> None:
    for name in ("checkpoint-500", "checkpoint-1000"):
        save(folder / name / "model.safetensors", NEW)


def only_beside(folder: Path) -> None:
    for name in BESIDE:
        save(folder / name, OLD)


REFUSED: dict[str, tuple[Make, str]] = {
    "several": (made("a.pt", "b.pt"), "the folder has 2 models: give one of a.pt, b.pt"),
    "several formats": (made("a.safetensors", "b.bin"), "the folder has 2 models: give one of a.safetensors, b.bin"),
    "several checkpoints": (made("last.ckpt", "epoch=1.ckpt"), "give one of epoch=1.ckpt, last.ckpt"),
    "several models of accelerate": (
        made("model.safetensors", "model_1.safetensors"),
        "the folder has 2 models: give one of model.safetensors, model_1.safetensors",
    ),
    "the shards of ranks beside a file": (
        made("a.pt", *(f"shard-0000{rank}-model-00001-of-00001.safetensors" for rank in (1, 2))),
        "give one of shard-00001-model-00001-of-00001.safetensors and 1 more, a.pt",
    ),
    "several variants": (
        made("model.fp16.safetensors", "model.bf16.safetensors"),
        "give one of model.bf16.safetensors, model.fp16.safetensors",
    ),
    "nothing": (lambda folder: None, "no model in this folder: looked for the names of Hugging Face's libraries"),
    "folders": (nested, "no model in this folder itself: give one of its folders, checkpoint-1000, checkpoint-500"),
    "what training saves": (only_beside, "no model in this folder, but only what training saves beside one: mp_optim"),
    "a stale index alone": (
        lambda folder: index(folder, INDEX, OLD, gone=True),
        "the index names model-00001-of-00002.safetensors, which is not in the same folder",
    ),
    "an index of diffusers alone": (
        lambda folder: index(folder, DIFFUSION_INDEX, OLD, gone=True),
        "the index names diffusion_pytorch_model-00001-of-00002.safetensors, which is not",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_one_model_is_refused(kind: str, tmp_path: Path) -> None:
    make, said = REFUSED[kind]
    make(tmp_path)
    with pytest.raises(ModelFileError, match=f"{tmp_path.name}.*: {said}"):
        read(tmp_path, "", print)
