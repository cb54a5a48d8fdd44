"""A folder of another tool is named, with the line that makes a plain file of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tscompat.files.foreign import words_for
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import read

DCP = r"a distributed checkpoint of PyTorch .*format_utils dcp_to_torch {} model.pth"
DEEPSPEED = r"a checkpoint of DeepSpeed, .* python zero_to_fp32.py {} pytorch_model.bin"
FOLDERS: dict[str, tuple[list[str], str]] = {
    "DCP": ([".metadata", "__0_0.distcp"], DCP),
    "DCP of two ranks": (["__0_0.distcp", "__1_0.distcp"], DCP),
    "FSDP of accelerate": (
        ["pytorch_model_fsdp_0/.metadata", "pytorch_model_fsdp_0/__0_0.distcp"],
        "fsdp_0, a distrib",
    ),
    "DeepSpeed": (["latest", "zero_to_fp32.py", "global_step5/mp_rank_00_model_states.pt"], DEEPSPEED),
    "a step of DeepSpeed": (["mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt"], DEEPSPEED),
    "Megatron": (["latest_checkpointed_iteration.txt", "iter_0000005/mp_rank_00/model_optim_rng.pt"], "Megatron"),
    "an iteration of Megatron": (["mp_rank_00/model_optim_rng.pt"], "Megatron"),
    "unpacked": (["data.pkl", "version", "data/0", "byteorder"], "an unpacked checkpoint .* zip -0 -r model.pth test"),
    "TensorFlow": (["saved_model.pb", "variables/variables.index"], "a SavedModel of TensorFlow"),
    "TensorFlow 1": (
        ["checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001"],
        "a checkpoint of TensorFlow",
    ),
    "Hugging Face's cache": (["refs/main", "snapshots/0a1b/config.json", "blobs/0"], "the folders in {}/snapshots"),
    "Orbax": (["_METADATA", "manifest.ocdbt"], "a checkpoint of Orbax"),
    "Core ML": (["Manifest.json", "Data/a"], "a package of Core ML"),
    "Flax": (["config.json", "flax_model.msgpack"], "a model of Flax"),
    "Keras": (["config.json", "tf_model.h5"], "a model of TensorFlow: in Python, load it with from_tf=True"),
    "GGUF": (["model.Q4_K_M.gguf"], "a model of llama.cpp"),
    "ONNX": (["model.onnx"], "a model in ONNX"),
    "ONNX in a folder of the folder": (["onnx/model.onnx", "README.md"], "in onnx, a model in ONNX"),
}


def make(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")


@pytest.mark.parametrize("kind", FOLDERS)
def test_it_is_named(kind: str, tmp_path: Path) -> None:
    files, said = FOLDERS[kind]
    make(tmp_path, *files)
    with pytest.raises(ModelFileError, match=said.format(tmp_path)):
        read(tmp_path, "", print)


HALVES = ("data.pkl", "version", "refs/main", "snapshots/0a1b/config.json", "checkpoint", "model.ckpt.index", "Data/a")


@pytest.mark.parametrize("file", HALVES)
def test_one_mark_of_two_shows_nothing(file: str, tmp_path: Path) -> None:
    make(tmp_path, file)
    assert words_for(tmp_path) == ""
