"""The verdicts of what natively built modules compute, by doubles of the peer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doubles import MakeJob, honestly, kinds, same, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import Model, load_catalogue, make_inputs
from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Done, Forward, Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.route import PYTHON_TO_DOTNET
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind, Verdict

CASE = "layer/batchnorm1d/default/f32"


@pytest.mark.parametrize(
    ("case_id", "checks"),
    [
        ("layer/batchnorm1d/default/f32", ("forward", "loaded", "statistics")),
        ("layer/linear/default/bf16", ("forward", "loaded", "widened")),
        ("layer/linear/default/f16", ("forward", "loaded", "widened")),
        ("arch/mnist-trained/f32", ("forward", "predictions")),
        ("arch/mlp/f32", ("forward",)),
        ("arch/resnet101/f32", ("forward", "widened")),
        ("arch/resnet101/f64", ("forward",)),
    ],
)
def test_a_forward_pass_has_these_checks(case_id: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["forward"].checks_of(load_catalogue()[case_id], PYTHON_TO_DOTNET) == checks


def test_a_module_without_inputs_computes_nothing() -> None:
    models = (case for case in load_catalogue().values() if isinstance(case.subject, Model))
    case = next(case for case in models if not case.subject.inputs)  # pyright: ignore
    assert ROUTES["forward"].checks_of(case, PYTHON_TO_DOTNET) == ()


def computing(job: Job[Any], change: Callable[[StateDict], StateDict], when: Callable[[Forward], bool]) -> Job[Any]:
    """The job with a peer that computes as Python does, but with a change in the calls of ``when``."""

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Forward)
        found = outputs_of(job, job.entries, call)
        write_whole(Path(call.outputs), encode_state_dict(change(found) if when(call) else found))
        return Done()

    return with_peer(job, answer)


def outputs_of(job: Job[Any], entries: StateDict, call: Forward) -> StateDict:
    """What Python computes for a call: the outputs, or in train mode the buffers."""
    subject: Model = job.subject
    dtype = BY_NAME[call.dtype]
    module = native.filled(subject, entries).to(native.torch_dtype(dtype)).train(call.train)
    outputs = native.forward(module, subject, make_inputs(job.case.id, subject), dtype)
    return native.buffers(module) if call.train else outputs


def in_train_mode(call: Forward) -> bool:
    return call.train


def in_eval_mode(call: Forward) -> bool:
    return not call.train


def loaded(call: Forward) -> bool:
    return call.load


def in_another_dtype(call: Forward) -> bool:
    return call.dtype == "f32"


def negated(entries: StateDict) -> StateDict:
    """The entries with each number negated."""
    return [torch_entry(name, -torch_tensors.to_torch(tensor)) for name, tensor in entries]


def counted_once_more(entries: StateDict) -> StateDict:
    """The entries with 1 added to each integer."""
    tensors = [(name, torch_tensors.to_torch(tensor)) for name, tensor in entries]
    return [torch_entry(name, tensor if tensor.is_floating_point() else tensor + 1) for name, tensor in tensors]


def rounded_in_reverse(entries: StateDict) -> StateDict:
    """The entries, one element a little larger, in reverse order."""
    (name, tensor), *rest = entries
    larger = torch_tensors.to_torch(tensor)
    larger.view(-1)[0] *= 1 + 2**-23
    return [*rest[::-1], torch_entry(name, larger)]


def last_in_double(entries: StateDict) -> StateDict:
    """The entries, the first a little larger, the last in float64."""
    (name, tensor), *rest, (last, other) = entries
    larger = torch_entry(name, torch_tensors.to_torch(tensor) * (1 + 2**-23))
    return [larger, *rest, torch_entry(last, torch_tensors.to_torch(other).double())]


def torch_entry(name: str, tensor: torch.Tensor) -> Entry:
    return Entry(name, torch_tensors.export({name: tensor})[0].tensor)


@pytest.mark.parametrize(
    ("case", "change", "when", "differences"),
    [
        (CASE, same, in_eval_mode, set[str]()),
        (CASE, negated, in_eval_mode, {"forward"}),
        (CASE, negated, in_train_mode, {"statistics"}),
        (CASE, counted_once_more, in_train_mode, {"statistics"}),
        (CASE, rounded_in_reverse, loaded, {"loaded"}),
        ("layer/linear/default/bf16", negated, in_another_dtype, {"widened"}),
        ("layer/lstm/default/f32", last_in_double, in_eval_mode, {"forward"}),
        ("layer/lstm/default/f32", rounded_in_reverse, in_eval_mode, set[str]()),
        ("arch/mnist-trained/f32", same, in_eval_mode, set[str]()),
        ("arch/mnist-trained/f32", negated, in_eval_mode, {"forward", "predictions"}),
    ],
    ids=[
        "same",
        "outputs",
        "buffers",
        "a-counter",
        "after-a-load",
        "widened",
        "a-dtype-behind-bits",
        "another-order",
        "same-classes",
        "other-classes",
    ],
)
def test_what_is_computed_otherwise_is_a_difference(
    make_job: MakeJob,
    case: str,
    change: Callable[[StateDict], StateDict],
    when: Callable[[Forward], bool],
    differences: set[str],
) -> None:
    found = kinds(computing(make_job(case, "forward"), change, when), "forward", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == differences


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
@pytest.mark.parametrize("name", ["lstm/default", "conv2d/groups", "transformerencoderlayer/gelu"])
def test_a_parameter_that_is_slightly_wrong_is_seen(make_job: MakeJob, name: str, dtype: str) -> None:
    job = make_job(f"layer/{name}/{dtype}", "forward")
    factor = {"f64": 1 + 1e-9, "f32": 1 + 1e-4, "f16": 1.01, "bf16": 1.05}[dtype]

    def scaled(call: AnyCall) -> Done:
        assert isinstance(call, Forward)
        entries = read_state_dict(call.expected)
        (first, tensor), *rest = entries
        larger = torch_tensors.to_torch(tensor).double() * factor
        wrong = [torch_entry(first, larger.to(native.torch_dtype(tensor.dtype))), *rest]
        write_whole(Path(call.outputs), encode_state_dict(outputs_of(job, wrong, call)))
        return Done()

    found = kinds(with_peer(job, scaled), "forward", PYTHON_TO_DOTNET)
    assert {check for check, kind in found.items() if kind is not Kind.PASS} == set(found) - {"loaded"}


# What .NET is asked, and what is judged of what it throws.


def asked(make_job: MakeJob, case_id: str) -> list[Forward]:
    """The calls of a whole transfer, and for each the inputs' dtype."""
    job = make_job(case_id, "forward")
    transfer(job, "forward", PYTHON_TO_DOTNET)
    assert isinstance(job.peer, HonestPeer)
    return [call for call in job.peer.calls if isinstance(call, Forward)]


def test_the_module_is_filled_then_loaded_then_widened(make_job: MakeJob) -> None:
    found = [(call.load, call.dtype, call.train) for call in asked(make_job, "layer/linear/default/bf16")]
    assert found == [(False, "bf16", False), (True, "bf16", False), (True, "f32", False)]


def test_statistics_are_those_of_a_pass_in_train_mode(make_job: MakeJob) -> None:
    found = [(call.load, call.dtype, call.train) for call in asked(make_job, CASE)]
    assert found == [(False, "f32", False), (True, "f32", False), (False, "f32", True)]


def test_the_inputs_have_the_dtype_in_which_is_computed(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/bf16", "forward")
    seen: list[tuple[str, str]] = []

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Forward)
        seen.extend((call.dtype, tensor.dtype.name) for _, tensor in read_state_dict(call.inputs))
        return honestly(job, call)

    transfer(with_peer(job, answer), "forward", PYTHON_TO_DOTNET)
    assert seen == [("bf16", "bf16"), ("bf16", "bf16"), ("f32", "f32")]


MORE = ("the bits of 'weight'", "the bits of input 0")


@pytest.mark.parametrize(
    ("case_id", "changed", "kind"),
    [
        ("layer/embedding/max-norm/f32", MORE[:1], Kind.PASS),
        ("layer/embedding/max-norm/f32", MORE, Kind.BITS),
        ("layer/embedding/default/f32", MORE[:1], Kind.BITS),
    ],
)
def test_only_what_a_pass_changes_in_pythons_module_may_change_in_dotnets(
    make_job: MakeJob, case_id: str, changed: tuple[str, ...], kind: Kind
) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        honestly(job, call)
        return Done(changed)

    job = make_job(case_id, "forward")
    assert kinds(with_peer(job, answer), "forward", PYTHON_TO_DOTNET) == {"forward": kind, "loaded": kind}


THROWN = Thrown("System.Exception", "no")
STATED = "System.Exception: no"


@pytest.mark.parametrize(
    ("when", "verdicts"),
    [
        (in_eval_mode, {"forward": Kind.REFUSED, "loaded": Kind.NOT_RUN, "statistics": Kind.PASS}),
        (loaded, {"forward": Kind.PASS, "loaded": Kind.REFUSED, "statistics": Kind.PASS}),
        (in_train_mode, {"forward": Kind.PASS, "loaded": Kind.PASS, "statistics": Kind.REFUSED}),
    ],
    ids=["eval", "loaded", "train"],
)
def test_what_dotnet_throws_refuses_what_it_computes_then(
    make_job: MakeJob, when: Callable[[Forward], bool], verdicts: dict[str, Kind]
) -> None:
    job = make_job(CASE, "forward")

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Forward)
        return THROWN if when(call) else honestly(job, call)

    found = transfer(with_peer(job, answer), "forward", PYTHON_TO_DOTNET).verdicts
    assert {check: verdict.kind for check, verdict in found.items()} == verdicts
    assert {verdict.detail for verdict in found.values() if verdict.kind is Kind.REFUSED} == {STATED}
    stated = {verdict.detail for verdict in found.values() if verdict.kind is Kind.NOT_RUN}
    assert stated <= {"the module does not compute, loaded or not: see forward"}


def test_an_output_that_only_a_loaded_module_has_is_a_difference(make_job: MakeJob) -> None:
    def more(entries: StateDict) -> StateDict:
        return [*entries, Entry("more", entries[0].tensor)]

    found = kinds(computing(make_job(CASE, "forward"), more, loaded), "forward", PYTHON_TO_DOTNET)
    assert found["loaded"] is Kind.NAMES


def test_outputs_of_a_loaded_module_in_another_order_are_a_difference(make_job: MakeJob) -> None:
    def turned(entries: StateDict) -> StateDict:
        return entries[::-1]

    found = kinds(computing(make_job("layer/lstm/default/f32", "forward"), turned, loaded), "forward", PYTHON_TO_DOTNET)
    assert found["loaded"] is Kind.ORDER


def test_a_forward_pass_gives_what_dotnet_has_computed(make_job: MakeJob) -> None:
    job = make_job(CASE, "forward")
    assert transfer(job, "forward", PYTHON_TO_DOTNET).artifact == job.outputs


def test_a_difference_states_what_differs(make_job: MakeJob) -> None:
    job = computing(make_job(CASE, "forward"), negated, lambda call: True)
    found = transfer(job, "forward", PYTHON_TO_DOTNET).verdicts
    assert found["forward"].detail.startswith("output '0' (f32) at ")
    assert found["statistics"].detail.startswith("buffer 'running_mean' (f32) at ")


# Predicted classes.


def predicting(make_job: MakeJob, change: Callable[[StateDict], StateDict]) -> Verdict:
    job = computing(make_job("arch/mnist-trained/f32", "forward"), change, in_eval_mode)
    return transfer(job, "forward", PYTHON_TO_DOTNET).verdicts["predictions"]


def test_the_same_classes_are_stated(make_job: MakeJob) -> None:
    verdict = predicting(make_job, same)
    assert verdict.kind is Kind.PASS
    assert re.fullmatch(r"0 of \d+ predictions differ; ([2-9]|\d\d+) classes are predicted", verdict.detail)


def test_one_other_class_is_a_difference(make_job: MakeJob) -> None:
    def first_negated(entries: StateDict) -> StateDict:
        ((name, tensor),) = entries
        values = torch_tensors.to_torch(tensor)
        values[0] *= -1
        return [torch_entry(name, values)]

    verdict = predicting(make_job, first_negated)
    assert (verdict.kind, verdict.detail[:5]) == (Kind.BITS, "1 of ")


def test_a_model_that_always_predicts_the_same_class_proves_nothing(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = native.forward

    def constant(*arguments: Any) -> StateDict:
        ((name, tensor),) = honest(*arguments)
        values = torch_tensors.to_torch(tensor)
        values[:, 0] = 1e9
        return [torch_entry(name, values)]

    monkeypatch.setattr(native, "forward", constant)
    verdict = predicting(make_job, same)
    assert verdict.kind is Kind.BITS
    assert verdict.detail.startswith("0 of ")
    assert verdict.detail.endswith("; 1 classes are predicted")


def test_two_classes_prove_enough(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = native.forward

    def of_two_classes(*arguments: Any) -> StateDict:
        ((name, tensor),) = honest(*arguments)
        values = torch_tensors.to_torch(tensor)
        values[:, 0] = 1e9
        values[0, 1] = 2e9
        return [torch_entry(name, values)]

    monkeypatch.setattr(native, "forward", of_two_classes)
    verdict = predicting(make_job, same)
    assert verdict.kind is Kind.PASS
    assert verdict.detail.endswith("; 2 classes are predicted")


def test_without_outputs_nothing_is_predicted(make_job: MakeJob) -> None:
    job = with_peer(make_job("arch/mnist-trained/f32", "forward"), lambda call: THROWN)
    verdicts = transfer(job, "forward", PYTHON_TO_DOTNET).verdicts
    assert verdicts["predictions"] == verdicts["forward"] == Verdict(Kind.REFUSED, STATED)


def one_larger(entries: StateDict) -> StateDict:
    """The entries, the first element of the first a little larger: rounding explains it."""
    (name, tensor), *rest = entries
    larger = torch_tensors.to_torch(tensor)
    larger.view(-1)[0] *= 1 + 2**-23
    return [torch_entry(name, larger), *rest]


@pytest.mark.parametrize(
    ("change", "predicted"),
    [(same, True), (one_larger, True), (negated, False)],
    ids=["as-they-are", "rounded", "another-fault"],
)
def test_only_what_a_module_with_torchsharps_faults_computes_is_predicted(
    make_job: MakeJob, change: Callable[[StateDict], StateDict], predicted: bool
) -> None:
    job = make_job("layer/bcewithlogitsloss/pos-weight/f32", "forward")
    given = make_inputs(job.case.id, job.subject)

    def computed(entries: StateDict) -> StateDict:
        module = native.computing(job.subject, job.entries, job.subject.dtype, ["values-of-the-constructor"])
        return change(native.forward(module, job.subject, given, job.subject.dtype))

    verdict = transfer(computing(job, computed, in_eval_mode), "forward", PYTHON_TO_DOTNET).verdicts["forward"]
    assert verdict.kind is Kind.BITS
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted(each) for each in (["values-of-the-constructor"], [])] == [predicted, False]
