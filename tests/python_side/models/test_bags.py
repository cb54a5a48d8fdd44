"""A bag of tensors as a module of torch, and what PyTorch does for each guarantee."""

from pathlib import Path

import pytest
import torch

from subjects import loaded_into, subject, subjects
from tscompat.catalogue import Guarantee, Load, Tensors, make
from tscompat.python_side.models.counterparts import COUNTERPARTS, observe
from tscompat.python_side.models.loading import bag

TIED = subject("load/tied/submodules/f32", Load).specs
EVERYWHERE = COUNTERPARTS.keys() - {"read-only-folder"}  # some systems and users write there all the same
GUARANTEES = {case_id: each for case_id, each in subjects(Guarantee).items() if each.probe in EVERYWHERE}


def test_two_names_are_one_parameter() -> None:
    module = bag(TIED, loaded_into("load/tied/submodules/f32"))
    assert module.get_parameter("m.a") is module.get_parameter("n.b")


def test_the_dots_of_a_name_are_submodules() -> None:
    assert [name for name, _ in bag(TIED, loaded_into("load/tied/submodules/f32")).named_children()] == ["m", "n"]


def test_a_transient_buffer_is_not_in_the_state_dict() -> None:
    case_id = "load/transient/left-out/f32"
    module = bag(subject(case_id, Load).specs, loaded_into(case_id), ("t",))
    assert list(module.state_dict()) == ["a"]


@pytest.mark.parametrize("case_id", GUARANTEES)
def test_pytorch_does_what_is_guaranteed(case_id: str, tmp_path: Path) -> None:
    case = GUARANTEES[case_id]
    assert observe(case, make(case_id, case.specs), tmp_path / "torch") == case.observed


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_the_names_of_a_parametrization_are_those_of_its_case(name: str) -> None:
    linear = getattr(torch.nn.utils.parametrizations, name)(torch.nn.Linear(2, 3))
    specs = subject(f"name/parametrizations/{name.replace('_', '-')}/f32", Tensors).specs
    assert {spec.name: spec.shape for spec in specs} == {
        each: tuple(tensor.shape) for each, tensor in linear.state_dict().items()
    }
