"""TorchScript files and pickled tensors within Python: what PyTorch loads from its own files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from subjects import tensors
from tscompat.catalogue import Model, Tensors, load_catalogue, make_inputs
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native, programs
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict


def saved(path: Path, case_id: str) -> StateDict:
    """Save the case as TorchScript, and return its bits."""
    case = load_catalogue()[case_id]
    subject = case.subject
    assert isinstance(subject, Tensors | Model)
    entries = native.entries_of(case, native.specs_of(case))
    programs.save_script(path, subject, entries, make_inputs(case_id, subject) if isinstance(subject, Model) else [])
    return entries


@pytest.mark.parametrize("case", ["role/both/c32", "name/dotted/f32", "layer/embedding/max-norm/f32", "arch/gpt/f32"])
def test_pytorch_gets_the_same_bits_back(tmp_path: Path, case: str):
    entries = saved(tmp_path / "m.pt", case)
    found = torch_tensors.export(programs.load_script(tmp_path / "m.pt").state_dict())
    assert compare(entries, found) == []


LOADED_BY_TORCH_2_11 = pytest.mark.skipif(torch.__version__ < "2.13", reason="torch 2.11 loads it; 2.12 was not tried")


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("generated/sequential-fabdb1/f32", RuntimeError),
        ("generated/sequential-ffcc81/f32", RuntimeError),
        ("name/controls/f32", RuntimeError),
        ("name/slashes/f32", IndexError),
        pytest.param("shape/zero/qi8", RuntimeError, marks=LOADED_BY_TORCH_2_11),
    ],
)
def test_pytorch_does_not_load_its_own_file(tmp_path: Path, case: str, error: type[Exception]):
    """These cases have divergences of which PyTorch is the cause."""
    saved(tmp_path / "m.pt", case)
    with pytest.raises(error):
        programs.load_script(tmp_path / "m.pt")


def test_a_pickled_tensor_comes_back(tmp_path: Path):
    tensor = tensors("pattern/special/c64")[0].tensor
    programs.save_pickle(tmp_path / "t.pt", tensor)
    assert bytes(memoryview(programs.load_pickle(tmp_path / "t.pt").data)) == bytes(memoryview(tensor.data))


def test_the_versions_of_the_formats_are_numbers():
    assert all(float(version) > 0 for version in programs.format_versions().values())
