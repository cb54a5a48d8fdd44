"""The optimizers' routes against the real peer, and against doubles that lie."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doubles import FakePeer, MakeJob, changing, honestly, transfer, with_peer
from tscompat.catalogue import load_catalogue
from tscompat.codec import OptimizerRecord, encode_optimizer, read_optimizer
from tscompat.codec.optimizer import LAYOUTS, Value
from tscompat.dotnet_side import messages
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, OptimizerUsed, Thrown, UseOptimizer
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.optim import CHECKS, FIRST, STEPPED, OptimizerJob
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.verdict import Kind, Verdict

CASES = load_catalogue()
CASE = "optim/adam-groups/bf16"
BOTH = pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job(CASE, "optimizer")


def differing(job: Job[Any], direction: str, route: str = "optimizer") -> dict[str, Kind]:
    """The checks that did not pass."""
    verdicts = transfer(job, route, direction).verdicts
    return {check: verdict.kind for check, verdict in verdicts.items() if verdict.kind is not Kind.PASS}


@BOTH
@pytest.mark.parametrize("route", ["optimizer", "optimizer-writer"])
def test_the_real_peer_passes(real_job: MakeJob, direction: str, route: str) -> None:
    assert differing(real_job(CASE, route), direction, route) == {}


@BOTH
def test_a_peer_that_does_nothing_is_found_out(job: Job[Any], direction: str) -> None:
    with pytest.raises(FileNotFoundError):
        differing(with_peer(job, lambda call: OptimizerUsed({})), direction)


@pytest.mark.parametrize(
    ("stage", "direction"), [("begin", PYTHON_TO_DOTNET), ("begin", DOTNET_TO_PYTHON), ("save", DOTNET_TO_PYTHON)]
)
def test_an_exception_refuses_what_comes_after_it(job: Job[Any], stage: str, direction: str) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        honestly(job, call)
        return OptimizerUsed({stage: Thrown("System.Exception", "no")})

    refused = (*CHECKS, FIRST) if (stage, direction) == ("begin", DOTNET_TO_PYTHON) else CHECKS
    assert differing(with_peer(job, answer), direction) == dict.fromkeys(refused, Kind.REFUSED)


def test_a_file_saved_otherwise_than_memory_is_a_difference_of_bytes(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        write_whole(call.save, encode_optimizer(record._replace(states=record.states[::-1])))

    assert differing(changing(job, change), PYTHON_TO_DOTNET) == {"bytes": Kind.BYTES}


def test_an_unreadable_file_is_a_difference_of_bytes(job: Job[Any]) -> None:
    spoiled = changing(job, lambda call: Path(call.save).write_bytes(b"\xff"))
    assert differing(spoiled, DOTNET_TO_PYTHON) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_a_state_that_is_not_the_file_s_is_a_difference_of_bits(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        write_whole(call.memory[0], encode_optimizer(record._replace(states=record.states[::-1])))

    assert differing(changing(job, change), PYTHON_TO_DOTNET) == {"bits": Kind.SHAPE}


def test_a_state_that_memory_lacks_is_a_difference_of_names(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        states = [{**state, "max_exp_avg_sq": None} for state in record.states]
        write_whole(call.memory[0], encode_optimizer(record._replace(states=states)))

    assert differing(changing(job, change), PYTHON_TO_DOTNET) == {"bits": Kind.NAMES}


def with_states(call: UseOptimizer, change: Callable[[Mapping[str, Value]], Mapping[str, Value]]) -> None:
    """Write the file that TorchSharp has saved anew, with other states."""
    record = read_optimizer(call.save)
    states = [change(state) for state in record.states]
    write_whole(call.save, encode_optimizer(record._replace(states=states)))


def test_a_state_that_dotnet_leaves_out_of_the_file_is_a_difference_of_names(job: Job[Any]) -> None:
    less = changing(job, lambda call: with_states(call, lambda state: {**state, "max_exp_avg_sq": None}))
    verdicts = transfer(less, "optimizer", DOTNET_TO_PYTHON).verdicts
    assert verdicts["bits"].kind is Kind.NAMES
    assert re.fullmatch(r"missing 'state\.\d\.max_exp_avg_sq'.*; the other \d+ are equal", verdicts["bits"].detail)
    refused = Verdict(Kind.REFUSED, "PyTorch: KeyError: 'max_exp_avg_sq'")
    assert [verdicts[check] for check in STEPPED] == [refused] * 3
    assert verdicts["bytes"].kind is Kind.BYTES


def test_a_state_that_dotnet_adds_to_the_file_is_a_difference_of_names(job: Job[Any]) -> None:
    def added(state: Mapping[str, Value]) -> Mapping[str, Value]:
        return {**state, "max_exp_avg_sq": state["max_exp_avg_sq"] or state["exp_avg"]}

    found = transfer(changing(job, lambda call: with_states(call, added)), "optimizer", DOTNET_TO_PYTHON).verdicts[
        "bits"
    ]
    assert found.kind is Kind.NAMES
    assert re.fullmatch(r"unexpected 'state\.\d\.max_exp_avg_sq'.*; the other 10 are equal", found.detail)


def test_a_state_too_few_is_a_difference_of_bytes(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.save)
        write_whole(call.save, encode_optimizer(record._replace(states=record.states[1:])))

    assert differing(changing(job, change), DOTNET_TO_PYTHON) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_the_file_of_another_class_is_a_difference_of_bytes(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.save)
        options = {name: False if kind == "bool" else 0.0 for name, kind in LAYOUTS["SGD"].options.items()}
        states = [{"momentum_buffer": state["exp_avg"]} for state in record.states]
        write_whole(call.save, encode_optimizer(OptimizerRecord("SGD", [options] * len(record.groups), states)))

    assert differing(changing(job, change), DOTNET_TO_PYTHON) == dict.fromkeys(CHECKS, Kind.BYTES)


def test_an_option_that_is_not_the_file_s_is_a_difference_of_options(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        changed = record._replace(groups=[{**each, "eps": 0.5} for each in record.groups])
        write_whole(call.memory[0], encode_optimizer(changed))

    assert differing(changing(job, change), PYTHON_TO_DOTNET) == {"options": Kind.BITS}


def test_an_option_that_dotnet_does_not_keep_is_a_difference_of_options(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        other = record._replace(groups=[{**each, "initial_lr": 0.5} for each in record.groups])
        for path in (call.memory[0], call.save):
            write_whole(path, encode_optimizer(other))

    assert differing(changing(job, change), DOTNET_TO_PYTHON) == {"options": Kind.BITS}


@BOTH
@pytest.mark.parametrize("step", [1, 2, 3])
def test_parameters_that_a_step_did_not_move_are_a_difference_of_the_step(
    job: Job[Any], direction: str, step: int
) -> None:
    still = changing(job, lambda call: shutil.copyfile(call.parameters[step - 1], call.parameters[step]))
    assert differing(still, direction) == {"step": Kind.BITS}


@BOTH
def test_a_state_that_went_wrong_in_the_steps_is_a_difference_of_the_state(job: Job[Any], direction: str) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[1])
        states = [{**state, "exp_avg": state["exp_avg_sq"]} for state in record.states]
        write_whole(call.memory[1], encode_optimizer(record._replace(states=states)))

    assert differing(changing(job, change), direction) == {"state": Kind.BITS}


@BOTH
def test_steps_that_were_not_counted_are_a_difference_of_the_count(job: Job[Any], direction: str) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[1])
        states = [{**state, "step": 3} for state in record.states]
        write_whole(call.memory[1], encode_optimizer(record._replace(states=states)))

    assert differing(changing(job, change), direction) == {"count": Kind.BITS}


def test_first_steps_of_other_gradients_are_found_though_dotnet_goes_on_from_there(make_job: MakeJob) -> None:
    real = make_job(CASE, "optimizer")

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, UseOptimizer)
        found: Any = real.peer.ask(msgspec.structs.replace(call, before=(2, 1, 0)))
        return found

    assert differing(make_job(CASE, "optimizer", FakePeer(answer)), DOTNET_TO_PYTHON) == {FIRST: Kind.BITS}


def test_parameters_that_are_wrong_after_the_first_steps_are_a_difference(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        shutil.copyfile(call.parameters[1], call.parameters[0])

    assert differing(changing(job, change), DOTNET_TO_PYTHON)[FIRST] is Kind.BITS


def test_first_steps_that_were_not_counted_are_a_difference(real_job: MakeJob) -> None:
    """TorchSharp's Adadelta is known for it."""
    verdict = transfer(real_job("optim/adadelta/f32", "optimizer"), "optimizer", DOTNET_TO_PYTHON).verdicts[FIRST]
    assert verdict.kind is Kind.BITS
    assert "state.0.step" in verdict.detail


@BOTH
def test_the_artifact_is_the_file_that_was_written(job: Job[Any], direction: str) -> None:
    assert transfer(job, "optimizer", direction).artifact == job.artifact


@pytest.mark.parametrize("stage", ["begin", "save"])
def test_after_a_refusal_the_artifact_is_given_too(job: Job[Any], stage: str) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        honestly(job, call)
        return OptimizerUsed({stage: Thrown("System.Exception", "no")})

    assert transfer(with_peer(job, answer), "optimizer", DOTNET_TO_PYTHON).artifact == job.artifact


@BOTH
def test_steps_that_dotnet_refuses_have_no_other_verdict(job: Job[Any], direction: str) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        honestly(job, call)
        return OptimizerUsed({"step": Thrown("System.Exception", "no")})

    verdicts = transfer(with_peer(job, answer), "optimizer", direction).verdicts
    refused = {check: verdict.detail for check, verdict in verdicts.items() if verdict.kind is not Kind.PASS}
    assert refused == dict.fromkeys(STEPPED, "System.Exception: no")


def test_a_second_save_that_dotnet_refuses_is_a_refusal_of_its_bytes_alone(job: Job[Any]) -> None:
    def answer(call: AnyCall) -> AnyAnswer:
        honestly(job, call)
        return OptimizerUsed({"save": Thrown("System.Exception", "no")})

    assert differing(with_peer(job, answer), PYTHON_TO_DOTNET) == {"bytes": Kind.REFUSED}


def test_an_optimizer_that_was_not_used_has_failed_in_nothing(job: Job[Any]) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        OptimizerJob(job).failed()
    assert str(error.value) == "failed() comes after use()"


def test_a_fault_predicts_other_options_of_a_load(make_job: MakeJob) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.memory[0])
        groups = [{**each, "initial_lr": each["lr"]} for each in record.groups]
        write_whole(call.memory[0], encode_optimizer(record._replace(groups=groups)))

    job = changing(make_job("optim/adam-scheduled/f32", "optimizer"), change)
    verdict = transfer(job, "optimizer", PYTHON_TO_DOTNET).verdicts["options"]
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted(each) for each in (["present-rate-as-initial"], [])] == [True, False]


def test_an_unreadable_file_states_the_byte(job: Job[Any]) -> None:
    spoiled = changing(job, lambda call: Path(call.save).write_bytes(b"\xff"))
    found = transfer(spoiled, "optimizer", DOTNET_TO_PYTHON)
    assert re.match(r"unreadable: byte \d+: ", found.verdicts["bits"].detail)
    assert found.artifact == job.artifact
    assert set(found.verdicts) == {*CHECKS, FIRST}


def test_a_file_of_other_groups_is_unreadable_with_the_reason(job: Job[Any]) -> None:
    def change(call: UseOptimizer) -> None:
        record = read_optimizer(call.save)
        write_whole(call.save, encode_optimizer(record._replace(groups=record.groups[:1])))

    verdict = transfer(changing(job, change), "optimizer", DOTNET_TO_PYTHON).verdicts["bits"]
    assert (verdict.kind, verdict.detail[:45]) == (Kind.BYTES, "unreadable: ValueError: the record has 1 para")


def test_one_route_checks_the_first_steps() -> None:
    case = CASES["optim/adam-into-used/f32"]
    with_them = [name for name in case.routes if FIRST in ROUTES[name].checks_of(case, DOTNET_TO_PYTHON)]
    assert with_them == ["optimizer"]
    assert FIRST not in ROUTES["optimizer"].checks_of(case, PYTHON_TO_DOTNET)


@pytest.mark.parametrize("target", ["scoped", "restored", "handed"])
def test_what_dotnet_does_after_a_load_has_no_way_back(target: str) -> None:
    case = CASES[f"optim/adam-{target}/f32"]
    assert ROUTES["optimizer"].checks_of(case, PYTHON_TO_DOTNET) == CHECKS
    assert ROUTES["optimizer"].checks_of(case, DOTNET_TO_PYTHON) == ()


def test_a_name_of_another_class_in_dotnet_counts_its_steps() -> None:
    assert "count" in ROUTES["optimizer"].checks_of(CASES["optim/rmsprop/f32"], PYTHON_TO_DOTNET)


def test_sgd_counts_no_steps() -> None:
    assert "count" not in ROUTES["optimizer"].checks_of(CASES["optim/sgd/f32"], PYTHON_TO_DOTNET)


def test_a_dispose_scope_is_dotnets_alone() -> None:
    assert ROUTES["optimizer"].checks_of(CASES["optim/sgd-scoped/f32"], DOTNET_TO_PYTHON) == ()


def test_an_optimizer_that_the_peer_does_not_know_is_refused(real_job: MakeJob) -> None:
    job = real_job(CASE, "optimizer")
    call = UseOptimizer(
        overload="optimizer-path",
        optimizer="LBFGS",
        groups=(),
        inputs=str(job.expected_file),
        before=(),
        load=None,
        target="fresh",
        save="",
        after=(0,),
        memory=("", ""),
        parameters=("", ""),
        placement=messages.Placement(device="cpu", layout="contiguous", scale=1.0, zero_point=0),
    )
    with pytest.raises(PeerBroken, match="unknown optimizer 'LBFGS'; this peer knows SGD, "):
        job.ask(call)
