"""The drawn modules: those that are committed, and the strategy that drew them."""

from __future__ import annotations

import pytest
import torch

from tscompat.catalogue import load_catalogue, make_inputs
from tscompat.python_side.models import native
from tscompat.values.dtypes import BY_NAME

CASES = [case for case in load_catalogue().values() if case.family == "generated"]


def test_there_are_some():
    assert len(CASES) >= 16


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_builds(case):
    assert isinstance(native.build(case.model, BY_NAME[case.dtype]), torch.nn.Module)


@pytest.mark.parametrize("case", [case for case in CASES if case.model and case.model.inputs], ids=lambda case: case.id)
def test_it_computes(case):
    resolved = native.resolve(case)
    module = native.filled(resolved, native.entries(resolved))
    assert native.forward(module, resolved, make_inputs(resolved), BY_NAME[case.dtype])
