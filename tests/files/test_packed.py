"""Weights that only their own package puts together are refused, whichever file they are in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from samples import save_safetensors
from tscompat.files.item import ModelFileError
from tscompat.files.kinds import read

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
