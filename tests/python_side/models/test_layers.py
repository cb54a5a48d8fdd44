"""The Python side of cases/layer.toml: every description builds, and none of torch's modules with state is missing."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tscompat.python_side.models import layers
from tscompat.python_side.models.layers import Description
from tscompat.resources.folders import data_folder

FAMILY = tomllib.loads((data_folder("cases") / "layer.toml").read_text(encoding="utf-8"))
CASES: dict[str, Any] = FAMILY["case"]

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
NO_LAYERS = {"Container", "DataParallel", "NLLLoss2d", "RNNBase", "RNNCellBase"}
"""Classes that are no layers: base classes, an alias, and a wrapper that looks for devices."""


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "only" not in case])
def test_builds(name: str) -> None:
    assert isinstance(layers.build(CASES[name]), torch.nn.Module)


def test_child_gets_a_name_before_its_own() -> None:
    description: Description = {"module": "Linear", "arguments": [2, 3], "child": True}
    assert list(layers.build(description).state_dict()) == ["layer.weight", "layer.bias"]


def test_mapping_keeps_its_order() -> None:
    description: Description = {
        "module": "ParameterDict",
        "arguments": [{"z": {"parameter": [1]}, "a": {"parameter": [2]}}],
    }
    assert list(layers.build(description).state_dict()) == ["z", "a"]


def test_forward_flattens_nested_tuples() -> None:
    lstm = layers.build({"module": "LSTM", "arguments": [2, 3]})
    assert [tuple(part.shape) for part in layers.forward(lstm, [torch.zeros(4, 1, 2)])] == [
        (4, 1, 3),
        (1, 1, 3),
        (1, 1, 3),
    ]


def _trial(parameter: inspect.Parameter) -> Any:
    """A value to try a parameter with: switches on, small numbers where there is no default."""
    if isinstance(parameter.default, bool):
        return True
    if parameter.name == "weight":
        return torch.ones(2)
    if parameter.default is not parameter.empty:
        return parameter.default
    if parameter.name.endswith("coder_layer"):
        return torch.nn.Identity()
    return [1] if parameter.name in ("cutoffs", "unflattened_size") else 2


def _with_state() -> Iterator[str]:
    """The classes of torch.nn whose modules have state; one that cannot be tried is named as well."""
    for name, kind in inspect.getmembers(torch.nn, inspect.isclass):
        if issubclass(kind, torch.nn.Module) and name not in NO_LAYERS:
            parameters = [it for it in inspect.signature(kind).parameters.values() if it.kind not in VARIADIC]
            try:
                module = kind(**{parameter.name: _trial(parameter) for parameter in parameters})
                if module.state_dict():
                    yield name
            except (TypeError, ValueError, RuntimeError):
                yield name


@pytest.mark.filterwarnings("ignore")
def test_no_module_with_state_is_missing() -> None:
    known = {case["module"] for case in CASES.values()} | {*FAMILY["stateless"]["both"]}
    assert set(_with_state()) - known == set()
