"""The bits of an optimizer's golden file, and what becomes of TorchSharp's answers about one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doubles import FakePeer
from tscompat.catalogue import load_catalogue
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer
from tscompat.codec.optimizer import LAYOUTS
from tscompat.dotnet_side.messages import OptimizerUsed, Thrown, UseOptimizer
from tscompat.golden.jobs import GoldenCase, selected
from tscompat.golden.manifest import Format
from tscompat.golden.optimizers import entries_of, record_of
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare
from tscompat.values.tensors import Tensor
from tscompat.values.verdict import PASS, Kind

CASES = load_catalogue()


def record(case_id: str) -> OptimizerRecord:
    subject: Any = CASES[case_id].subject
    return record_of(case_id, subject)


def test_the_cases_of_the_corpus_have_every_class_and_both_forms_of_every_optional_tensor() -> None:
    chosen = [record(case.id) for form, case in selected(CASES) if form is Format.OPTIMIZER]
    assert {each.name for each in chosen} == LAYOUTS.keys()
    forms = {
        (each.name, field, state[field] is None)
        for each in chosen
        for state in each.states
        for field, kind in LAYOUTS[each.name].state.items()
        if kind == "tensor?"
    }
    optional = [(name, field) for name, of in LAYOUTS.items() for field, kind in of.state.items() if kind == "tensor?"]
    assert forms == {(*each, absent) for each in optional for absent in (False, True)}
    assert {len(each.groups) for each in chosen} >= {1, 2, 3}


def test_the_bits_are_a_function_of_the_repository() -> None:
    """A hash that changes here means that every golden file of an optimizer does."""
    encoded = b"".join(encode_optimizer(record("optim/adam-groups/f32")))
    assert hashlib.sha256(encoded).hexdigest() == "d40e838e9dcaf532629386635d4b77bc34e8f6c1af76f01075c45f910b25e3e7"


def test_an_option_that_the_case_does_not_state_is_not_torch_s_default() -> None:
    ((options,), default) = record("optim/adam/f32").groups, torch.optim.Adam([torch.empty(0)]).defaults
    assert (options["lr"], options["initial_lr"], options["amsgrad"]) == (0.25, 0.25, False)
    drawn = [options[each] for each in ("beta1", "beta2", "eps", "weight_decay")]
    assert len({*drawn, *default["betas"], default["eps"], default["weight_decay"]}) == 8


def test_an_option_that_the_case_states_is_the_case_s() -> None:
    (options,) = record("optim/adam-scheduled/f32").groups
    assert (options["lr"], options["initial_lr"]) == (0.25, 0.5)


def test_options_and_states_belong_to_their_group() -> None:
    first, second = record("optim/rmsprop-groups/f32").groups
    assert (first["momentum"], first["centered"], second["momentum"], second["centered"]) == (0.9, False, 0.0, True)
    there = [
        [field for field in ("momentum_buffer", "grad_avg") if state[field] is not None]
        for state in record("optim/rmsprop-groups/f32").states
    ]
    assert there == [["momentum_buffer"], ["momentum_buffer"], ["grad_avg"]]


def test_the_state_of_a_parameter_that_was_never_stepped_is_the_first_one() -> None:
    stepped, never = record("optim/adam-never-stepped/f32").states
    assert (stepped["step"], never["step"]) == (3, 0)
    zeros = [bytes(value.data).strip(b"\0") for value in never.values() if isinstance(value, Tensor)]
    drawn = [bytes(value.data).strip(b"\0") for value in stepped.values() if isinstance(value, Tensor)]
    assert (zeros, len(set(drawn))) == (3 * [b""], 3)
    assert {state["step"] for state in record("optim/adam-before/f32").states} == {0}


def test_the_entries_tell_classes_and_counts_apart() -> None:
    adam = record("optim/adam/f32")
    names = [each.name for each in entries_of(adam)][:4]
    assert names == ["optimizer", "groups", "states", "group.0.initial_lr"]
    (other,) = compare(entries_of(adam), entries_of(adam._replace(name="AdamW")))
    assert other.detail.startswith("shape of 'optimizer': expected [4], found [5]")
    plain = record("optim/sgd/f32")
    (more,) = compare(entries_of(plain), entries_of(plain._replace(states=[*plain.states, plain.states[0]])))
    assert more.detail.startswith("element [] of 'states' (i64): expected")


def answering(tmp_path: Path, answer: Callable[[UseOptimizer], OptimizerUsed]) -> GoldenCase:
    """A golden case whose peer answers so."""
    peer: Any = FakePeer(answer)  # pyright: ignore[reportArgumentType]
    return GoldenCase.of(CASES["optim/adam/f32"], tmp_path, peer)


def honest(call: UseOptimizer) -> OptimizerUsed:
    """Memory and the saved file are what was loaded."""
    assert call.load
    for file in (call.memory[0], call.save):
        write_whole(file, encode_optimizer(read_optimizer(call.load)))
    return OptimizerUsed({})


def test_what_is_loaded_and_saved_well_passes(tmp_path: Path) -> None:
    case = answering(tmp_path, honest)
    file = tmp_path / "expected.dat"
    assert case.read(Format.OPTIMIZER, "optimizer", file) is PASS
    verdict, written = case.write(Format.OPTIMIZER, "optimizer")
    assert (verdict, written.read_bytes()) == (PASS, file.read_bytes())


@pytest.mark.parametrize("field", ["eps", "amsgrad", "initial_lr"])
def test_an_option_that_is_not_loaded_is_a_difference(tmp_path: Path, field: str) -> None:
    def keep(call: UseOptimizer) -> OptimizerUsed:
        assert call.load
        loaded = read_optimizer(call.load)
        (options,) = loaded.groups
        kept = {**options, field: call.groups[0].options[field]}
        write_whole(call.memory[0], encode_optimizer(loaded._replace(groups=[kept])))
        return OptimizerUsed({})

    verdict = answering(tmp_path, keep).read(Format.OPTIMIZER, "optimizer", tmp_path / "expected.dat")
    assert (verdict.kind, f"'group.0.{field}'" in verdict.detail) == (Kind.BITS, True)


def test_a_file_that_is_saved_well_of_other_memory_is_no_pass(tmp_path: Path) -> None:
    def other(call: UseOptimizer) -> OptimizerUsed:
        assert call.load
        record = read_optimizer(call.load)
        (options,) = record.groups
        write_whole(call.save, encode_optimizer(record))
        write_whole(call.memory[0], encode_optimizer(record._replace(groups=[{**options, "eps": 0.125}])))
        return OptimizerUsed({})

    verdict, _ = answering(tmp_path, other).write(Format.OPTIMIZER, "optimizer")
    assert verdict.kind is Kind.BITS


def test_a_load_that_throws_is_refused_by_reader_and_writer(tmp_path: Path) -> None:
    case = answering(tmp_path, lambda call: OptimizerUsed({"begin": Thrown("System.Exception", "no")}))
    verdicts = [case.read(Format.OPTIMIZER, "optimizer", tmp_path), case.write(Format.OPTIMIZER, "optimizer")[0]]
    assert [(each.kind, each.detail) for each in verdicts] == 2 * [(Kind.REFUSED, "System.Exception: no")]


def test_a_save_that_throws_is_refused(tmp_path: Path) -> None:
    def no_save(call: UseOptimizer) -> OptimizerUsed:
        honest(call)
        return OptimizerUsed({"save": Thrown("System.Exception", "no")})

    case = answering(tmp_path, no_save)
    assert case.write(Format.OPTIMIZER, "optimizer")[0].kind is Kind.REFUSED
    assert case.read(Format.OPTIMIZER, "optimizer", tmp_path / "expected.dat") is PASS


def test_a_save_without_a_file_is_no_pass(tmp_path: Path) -> None:
    def no_file(call: UseOptimizer) -> OptimizerUsed:
        assert call.load
        write_whole(call.memory[0], encode_optimizer(read_optimizer(call.load)))
        return OptimizerUsed({})

    case = answering(tmp_path, no_file)
    case.job("optimizer").artifact.write_bytes(b"of an earlier save")
    verdict, _ = case.write(Format.OPTIMIZER, "optimizer")
    assert (verdict.kind, verdict.detail) == (Kind.BITS, "the save wrote no file")
