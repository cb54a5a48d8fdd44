"""The session measures each case of a default run that computes, with its checks."""

from __future__ import annotations

from sensitivity.cases import checks, is_short, measure, of_a_default_run


def test_cases_that_compute_are_measured() -> None:
    found = checks()
    assert "optim/adam/f32" in found
    assert found["layer/linear/default/bf16"] >= {"forward", "widened"}
    assert "forward" in found["program/mlp/f32"]
    assert "shape/0-d/f32" not in found
    assert "layer/parameterlist/alone/f32" not in found, "it has no inputs"


def test_by_default_the_cases_of_a_full_run_are_left_out() -> None:
    default = of_a_default_run()
    assert "arch/resnet50/f32" in default
    assert {"arch/resnet50/bf16", "arch/vgg16/f32"} & {*default} == set()
    assert {"arch/resnet50/bf16", "arch/vgg16/f32"} <= checks().keys()


def test_each_kind_of_case_is_measured_as_its_own() -> None:
    assert measure("layer/linear/default/f32").scaled
    assert measure("optim/sgd/f32").faults


def test_architectures_take_long() -> None:
    assert [*map(is_short, ("arch/mlp/f32", "layer/linear/default/f32", "optim/sgd/f32"))] == [False, True, True]
