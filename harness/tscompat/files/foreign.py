"""Names folders that hold a model in a form that is not read here, with the line that makes a plain file of it.

Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class _Foreign(NamedTuple):
    marks: tuple[str, ...]
    """Patterns of files and folders of which each must be there."""
    words: str
    """What it is and what to do; ``{}`` stands for the folder."""


_DCP = (
    "a distributed checkpoint of PyTorch (torch.distributed.checkpoint): make one file of it, with "
    "python -m torch.distributed.checkpoint.format_utils dcp_to_torch {} model.pth"
)
_DEEPSPEED = (
    "a checkpoint of DeepSpeed, in parts of each process: make one file of it with the script that lies in the folder "
    "of the checkpoint, python zero_to_fp32.py {} pytorch_model.bin"
)
_MEGATRON = (
    "a checkpoint of Megatron, in parts of each process: convert it with tools/checkpoint/convert.py of Megatron-LM "
    "(or of NeMo, megatron-bridge) to Hugging Face's format"
)
_FOREIGN = (
    _Foreign(("*.distcp",), _DCP),
    _Foreign((".metadata",), _DCP),
    _Foreign(("*_optim_states.pt",), _DEEPSPEED),
    _Foreign(("*_model_states.pt",), _DEEPSPEED),
    _Foreign(("global_step*/*_model_states.pt",), _DEEPSPEED),
    _Foreign(("latest_checkpointed_iteration.txt",), _MEGATRON),
    _Foreign(("mp_rank_*/model_optim_rng.pt",), _MEGATRON),
    _Foreign(("*/mp_rank_*/model_optim_rng.pt",), _MEGATRON),
    _Foreign(
        ("data.pkl", "version"),
        "an unpacked checkpoint of torch.save: zip the folder again without compression, from the folder above, with "
        "zip -0 -r model.pth {name}",
    ),
    _Foreign(("refs", "snapshots"), "a folder of Hugging Face's cache: give one of the folders in {}/snapshots"),
    _Foreign(("saved_model.pb",), "a SavedModel of TensorFlow: load it there, and save its variables with numpy.savez"),
    _Foreign(
        ("checkpoint", "*.index"),
        "a checkpoint of TensorFlow: read it there (tf.train.load_checkpoint), and save its variables with numpy.savez",
    ),
    _Foreign(
        ("_METADATA", "manifest.ocdbt"), "a checkpoint of Orbax (JAX): restore it there, and save it with numpy.savez"
    ),
    _Foreign(("_CHECKPOINT_METADATA",), "a checkpoint of Orbax (JAX): restore it there, and save it with numpy.savez"),
    _Foreign(("Manifest.json", "Data"), "a package of Core ML: convert the model that it was made of"),
)
_FILES = (
    _Foreign(("tf_model.h5",), "a model of TensorFlow: in Python, load it with from_tf=True, and save_pretrained() it"),
    _Foreign(
        ("flax_model.msgpack",), "a model of Flax: in Python, load it with from_flax=True, and save_pretrained() it"
    ),
    _Foreign(("*.gguf",), "a model of llama.cpp (GGUF): take the model that it was made of, in safetensors"),
    _Foreign(("*.onnx",), "a model in ONNX: convert the model that it was exported from"),
)


def words_for(folder: Path) -> str:
    """What the folder is, and what to do; empty for one that is not known."""
    return _words(folder, _FOREIGN)


def words_for_file(folder: Path) -> str:
    """What a file of another tool in the folder is, and what to do; empty without one. A model may lie beside it."""
    return _words(folder, _FILES)


def _words(folder: Path, rows: Sequence[_Foreign]) -> str:
    for each in rows:
        if all(any(True for _ in folder.glob(mark)) for mark in each.marks):
            return each.words.format(folder, name=folder.name)
    return ""
