"""Weights that only their own package puts together are refused, whichever file they are in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import read
from tscompat.verbs.convert import prepare

NAMES = {
    "weight.quant_state.bitsandbytes__nf4": "4-bit",
    "weight.quant_state.bitsandbytes__fp4": "4-bit",
    "layer.SCB": "8-bit",
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", NAMES)
def test_weights_of_bitsandbytes(name: str, suffix: str, tmp_path: Path) -> None:
    state = {"weight": torch.ones(9, dtype=torch.int8), name: torch.ones(3)}
    (save_safetensors if suffix == ".safetensors" else torch.save)(state, tmp_path / f"a{suffix}")
    with pytest.raises(ModelFileError, match=rf"shows {NAMES[name]} weights of bitsandbytes: .*dequantize\(\)"):
        read(tmp_path / f"a{suffix}", "", print)


@pytest.mark.parametrize("name", ["_fsdp_wrapped_module._flat_param", "_flat_param", "layer._flat_param_12"])
def test_flat_parameters_of_fsdp(name: str, tmp_path: Path) -> None:
    torch.save({name: torch.ones(9)}, tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=r"a flat parameter of FSDP, .* StateDictType.FULL_STATE_DICT"):
        read(tmp_path / "a.pth", "", print)


def test_a_name_that_only_looks_alike_is_read(tmp_path: Path) -> None:
    torch.save({"disSCB": torch.ones(3)}, tmp_path / "a.pth")
    assert [each.name for each in read(tmp_path / "a.pth", "", print).contents] == ["disSCB"]


def test_one_empty_tensor_alone_is_read(tmp_path: Path) -> None:
    torch.save({"w": torch.empty(0)}, tmp_path / "a.pth")
    assert [each.name for each in read(tmp_path / "a.pth", "", print).contents] == ["w"]


BYTES, WORDS = torch.ones(4, dtype=torch.uint8), torch.ones(4, dtype=torch.int32)
SCALE, FLOAT8 = torch.ones(2), torch.ones(4).to(torch.float8_e4m3fn)
NUMBERS: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "GPTQ": (
        {"a.qweight": WORDS, "a.qzeros": WORDS, "a.scales": SCALE},
        "packed: a.qweight hold numbers of GPTQ or AWQ",
    ),
    "compressed": ({"a.weight_packed": WORDS, "a.weight_scale": SCALE}, "a.weight_packed hold .* compressed-tensors"),
    "MXFP4": ({"a.gate_blocks": BYTES, "a.gate_scales": BYTES}, "a.gate_blocks hold numbers of MXFP4"),
    "MLX": ({"a.weight": BYTES.to(torch.uint32), "a.scales": SCALE, "a.biases": SCALE}, "a.weight hold .* of MLX"),
    "HQQ": ({"a.W_q": BYTES, "a.scale": SCALE}, "a.W_q hold numbers of HQQ"),
    "DeepSeek": ({"a.weight": FLOAT8, "a.weight_scale_inv": SCALE}, "scaled: a.weight are float8"),
    "ComfyUI": ({"a.weight": FLOAT8, "a.scale_weight": SCALE}, "scaled: a.weight are float8"),
}
PLAIN: dict[str, dict[str, torch.Tensor]] = {
    "blocks of floats": {"a_blocks": SCALE, "a_scales": SCALE},
    "a scale beside floats": {"a.weight": SCALE, "a.scales": SCALE, "a.weight_scale": SCALE},
    "float8 alone": {"a.weight": FLOAT8, "b.weight_scale": SCALE},
}


def noted(state: dict[str, torch.Tensor], folder: Path) -> list[str]:
    notes: list[str] = []
    save_safetensors({name: tensor.clone() for name, tensor in state.items()}, folder / "a.safetensors")
    assert {each.name for each in read(folder / "a.safetensors", "", notes.append).contents} == {*state}
    return notes


@pytest.mark.parametrize("package", NUMBERS)
def test_numbers_that_are_no_weights_yet_are_noted(package: str, tmp_path: Path) -> None:
    state, words = NUMBERS[package]
    (note,) = noted(state, tmp_path)
    assert re.search(words, note)


@pytest.mark.parametrize("what", PLAIN)
def test_what_only_looks_like_them_is_not_noted(what: str, tmp_path: Path) -> None:
    assert noted(PLAIN[what], tmp_path) == []


def test_scaled_weights_are_not_cast(tmp_path: Path) -> None:
    save_safetensors(NUMBERS["DeepSeek"][0], tmp_path / "a.safetensors")
    with pytest.raises(ModelFileError, match=r"--dtype would make other weights: a\.weight are float8"):
        prepare(tmp_path / "a.safetensors", tmp_path / "a.dat", dtype="float32", tell=print)
