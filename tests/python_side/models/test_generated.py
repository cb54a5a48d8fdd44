"""The drawn modules: those that are committed, and the strategy that drew them."""

from __future__ import annotations

import pytest
import torch

from subjects import subject, subjects
from tscompat.catalogue import Model, load_catalogue, make_inputs
from tscompat.python_side.models import native

MODELS = {case_id: model for case_id, model in subjects(Model).items() if case_id.startswith("generated/")}


def test_there_are_some() -> None:
    assert len(MODELS) >= 16


@pytest.mark.parametrize("case_id", MODELS)
def test_it_builds(case_id: str) -> None:
    assert isinstance(native.build(subject(case_id, Model)), torch.nn.Module)


@pytest.mark.parametrize("case_id", [case_id for case_id, model in MODELS.items() if model.inputs])
def test_it_computes(case_id: str) -> None:
    case, model = load_catalogue()[case_id], MODELS[case_id]
    module = native.filled(model, native.entries_of(case, native.specs_of(case)))
    assert native.forward(module, model, make_inputs(case_id, model), model.dtype)
