"""Tensors are scaled as the session states, and a check that sees one is known from its verdict."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sensitivity import models
from sensitivity.measured import SEEDS, SETTINGS, Setting, computing, part_of
from sensitivity.models import MOST, Computation, drawn, measure
from subjects import subject
from tscompat.catalogue import Case, Model, load_catalogue, make_inputs
from tscompat.python_side.agreement import agree
from tscompat.python_side.models import native
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import StateDict, as_float64
from tscompat.values.verdict import PASS, Kind, Verdict

LINEAR = "layer/linear/default/bf16"


def case(case_id: str) -> Case:
    return load_catalogue()[case_id]


def bits(case_id: str) -> StateDict:
    return native.entries_of(case(case_id), native.specs_of(case(case_id)))


def numbers(entries: StateDict) -> list[float]:
    return as_float64(entries[0].tensor).tolist()


def test_only_floats_that_have_elements_are_scaled() -> None:
    names = drawn("a", native.specs_of(case("layer/batchnorm1d/default/f32")))
    assert sorted(names) == ["bias", "running_mean", "running_var", "weight"]


def test_a_tied_tensor_is_scaled_once() -> None:
    specs = native.specs_of(case("arch/gpt/f32"))
    tied = {spec.name for spec in specs if spec.tied_to}
    assert tied
    assert tied & {name for seed in range(20) for name in drawn(str(seed), specs)} == set()


def test_a_case_draws_the_same_tensors_each_time_and_no_more_than_a_number() -> None:
    specs = native.specs_of(case("arch/resnet18/f32"))
    names = drawn("arch/resnet18/f32", specs)
    assert names == drawn("arch/resnet18/f32", specs)
    assert len({*names}) == MOST
    assert names != drawn("arch/resnet18/f64", specs)


def test_one_tensor_is_scaled_and_only_once() -> None:
    model = subject("layer/linear/default/f64", Model)
    given = make_inputs("a", model)
    computation = Computation(model, bits("layer/linear/default/f64"), model.dtype)
    bias = as_float64(dict(bits("layer/linear/default/f64"))["bias"])
    right, wrong = numbers(computation.outputs(given)), numbers(computation.outputs(given, "bias", 2.0))
    np.testing.assert_allclose(np.subtract(wrong, right).reshape(-1, 3), [bias, bias], rtol=1e-12)
    assert numbers(computation.outputs(given)) == right


def test_in_train_mode_the_buffers_are_compared() -> None:
    model = subject("layer/batchnorm1d/default/f32", Model)
    computation = Computation(model, bits("layer/batchnorm1d/default/f32"), model.dtype, train=True)
    names = [name for name, _ in computation.outputs(make_inputs("a", model))]
    assert names == ["running_mean", "running_var", "num_batches_tracked"]


def test_what_was_widened_is_scaled_in_float32() -> None:
    """In bf16 the factor would be lost: its steps are larger."""
    found = {each.name: each.parts for each in measure(case(LINEAR), {"forward", "widened"}).scaled}
    assert found.keys() == {"weight", "bias"}
    assert all(parts["widened"] > 1 for parts in found.values())


def test_each_check_is_made_in_each_setting_for_each_seed() -> None:
    case_id = "layer/batchnorm1d/default/bf16"
    reached = measure(case(case_id), {"forward", "widened", "statistics", "loaded"}).reached
    assert [each[:3] for each in reached] == [
        (check, seed, setting)
        for check in ("forward", "widened", "statistics")
        for setting in SETTINGS
        for seed in SEEDS
    ]
    assert {each.part > 1 for each in reached} == {False}


def test_a_bound_that_is_too_large_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    references = Computation.references

    def loose(computation: Computation, given: StateDict) -> object:
        return {
            name: replace(each, deviation=1e9 * each.deviation) for name, each in references(computation, given).items()
        }

    monkeypatch.setattr(models.Computation, "references", loose)
    assert [each.seen for each in measure(case(LINEAR), {"forward", "widened"}).scaled] == [False, False]


def test_the_part_is_that_of_the_verdict() -> None:
    model = subject("layer/linear/default/f32", Model)
    given = make_inputs("a", model)
    computation = Computation(model, bits("layer/linear/default/f32"), BY_NAME["f32"])
    references = computation.references(given)
    right = computation.outputs(given)
    verdicts = [agree(right, computation.outputs(given, "bias", f), lambda: references, "") for f in (1, 1 + 1e-7, 2)]
    assert [each.kind for each in verdicts] == [Kind.PASS, Kind.PASS, Kind.BITS]
    same, near, far = map(part_of, verdicts)
    assert same == 0
    assert 0 < near < 1 < 1000 < far < math.inf


def test_a_difference_without_a_measure_is_seen() -> None:
    assert part_of(Verdict(Kind.BITS, "the two sides differ where one of them or float64 is not finite")) == math.inf


def test_a_pass_of_another_check_has_no_part() -> None:
    assert part_of(PASS) == 0
    with pytest.raises(ValueError, match="no part of what rounding explains in 'the other 3 are equal'"):
        part_of(Verdict(Kind.PASS, "the other 3 are equal"))


def test_a_setting_ends() -> None:
    def now() -> tuple[int, object]:
        return torch.get_num_threads(), torch.backends.mkldnn.enabled

    before = now()
    with computing(Setting(2, onednn=False)):
        assert now() == (2, False)
    assert now() == before
