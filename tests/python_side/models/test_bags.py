"""A bag of tensors as a module of torch's, and PyTorch's half of the guarantees."""

from pathlib import Path

import pytest

from tscompat.catalogue import Case, load_catalogue, make
from tscompat.python_side.models.counterparts import COUNTERPARTS, observe
from tscompat.python_side.models.loading import bag

CASES = load_catalogue()
TIED = CASES["load/tied/submodules/f32"]
EVERYWHERE = COUNTERPARTS.keys() - {"read-only-folder"}  # which some systems and users do not hold to
GUARANTEES = [case for case in CASES.values() if case.guarantee and case.guarantee.probe in EVERYWHERE]


def test_two_names_are_one_parameter() -> None:
    module = bag(TIED, make(TIED))
    assert module.get_parameter("m.a") is module.get_parameter("n.b")


def test_the_dots_of_a_name_are_submodules() -> None:
    assert [name for name, _ in bag(TIED, make(TIED)).named_children()] == ["m", "n"]


def test_a_transient_buffer_is_not_in_the_state_dict() -> None:
    case = CASES["load/transient/left-out/f32"]
    assert list(bag(case, make(case), ("t",)).state_dict()) == ["a"]


@pytest.mark.parametrize("case", GUARANTEES, ids=lambda case: case.id)
def test_pytorch_does_what_is_guaranteed(case: Case, tmp_path: Path) -> None:
    assert case.guarantee is not None
    assert observe(case, make(case), tmp_path / "torch") == case.guarantee.observed
