"""The optimizer cases: what a table of optim.toml becomes, and that every float type holds its numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from subjects import subjects
from tscompat.catalogue import CatalogueError, OptimizerCase, load_catalogue, make
from tscompat.resources.folders import data_folder
from tscompat.values.dtypes import BY_NAME

CASES = subjects(OptimizerCase)


def test_the_error_of_a_case_without_steps_has_its_place(tmp_path: Path) -> None:
    for name in ("optimizer.schema.json", "dtypes.toml"):
        shutil.copy(data_folder("cases") / name, tmp_path)
    (tmp_path / "optim.toml").write_text(
        'why = "w"\n[case.a]\ndtypes = ["f32"]\nroutes = ["optimizer"]\n'
        'optimizer = "SGD"\nparameters = [{ shape = [2] }]\n'
    )
    with pytest.raises(CatalogueError, match=r"optim\.toml: case / a: has no steps, after"):
        load_catalogue(tmp_path)


def test_a_case_has_its_parameters_and_their_gradients_for_every_step_before_and_after() -> None:
    names = [spec.name for spec in CASES["optim/adam-never-stepped/f32"].specs]
    assert names == ["parameter.0", "parameter.1", *(f"gradient.{step}.0" for step in range(6))]


def test_options_of_a_group_go_before_those_of_the_case() -> None:
    case = CASES["optim/sgd-groups/f32"]
    assert [(group.options["lr"], group.parameters) for group in case.groups] == [(0.125, 2), (0.125, 1)]


@pytest.mark.parametrize("case_id", CASES)
def test_groups_hold_all_parameters(case_id: str) -> None:
    case = CASES[case_id]
    parameters = [spec.name for spec in case.specs if spec.name.startswith("parameter.")]
    assert sum(group.parameters for group in case.groups) == len(parameters)


def test_pairs_are_tuples_as_torch_has_them() -> None:
    case = CASES["optim/adam-decay/f32"]
    assert case.groups[0].options["betas"] == (0.5, 0.75)


def test_pairs_are_lists_where_a_case_has_lists() -> None:
    case = CASES["optim/adam-lists/f32"]
    assert case.groups[0].options["betas"] == [0.5, 0.75]


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64", "c64"])
def test_numbers_are_moderate_and_bfloat16_holds_them(dtype: str) -> None:
    case_id = f"optim/sgd{'-complex' if dtype == 'c64' else ''}/{dtype}"
    values = np.concatenate(
        [
            np.frombuffer(tensor.data, np.uint8).view(tensor.dtype.scalar).astype(np.float64)
            for _, tensor in make(case_id, CASES[case_id].specs)
        ]
    )
    assert ((np.abs(values) >= 0.5) & (np.abs(values) < 1)).all()
    assert (values.astype(BY_NAME["bf16"].scalar).astype(np.float64) == values).all()
    assert {-1.0, 1.0} == set(np.sign(values))
