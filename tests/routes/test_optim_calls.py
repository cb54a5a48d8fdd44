"""What the optimizers' routes ask of .NET, and what they judge of what it computes; by doubles of the peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from doubles import FakePeer, MakeJob, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_optimizer, encode_state_dict, read_optimizer, read_state_dict
from tscompat.codec.optimizer import flat_states
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, OptimizerUsed, Thrown, UseOptimizer
from tscompat.python_side import torch_tensors
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.resources.whole import write_whole
from tscompat.routes import Job
from tscompat.routes.optim import FIRST, OptimizerJob, written
from tscompat.routes.predictions import STEPS
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, StateDict
from tscompat.values.verdict import Kind

CASES = load_catalogue()
CASE = "optim/adam-groups/bf16"
BOTH = pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job(CASE, "optimizer")


def changing(job: Job[Any], change: Callable[[UseOptimizer], object]) -> Job[Any]:
    """The job with its peer; after each answer ``change`` may alter the files of the call."""

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, UseOptimizer)
        found: Any = job.peer.ask(call)
        change(call)
        return found

    return replace(job, peer=FakePeer(answer))


def differing(job: Job[Any], direction: str, route: str = "optimizer") -> dict[str, Kind]:
    """The checks that did not pass."""
    verdicts = transfer(job, route, direction).verdicts
    return {check: verdict.kind for check, verdict in verdicts.items() if verdict.kind is not Kind.PASS}


# What .NET is asked.


def asked(make_job: MakeJob, case_id: str, direction: str) -> tuple[Job[Any], UseOptimizer, StateDict]:
    """The job, its call, and the entries of the call's inputs."""
    job = make_job(case_id, "optimizer")
    transfer(job, "optimizer", direction)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, UseOptimizer)
    return job, call, read_state_dict(call.inputs)


def test_python_writes_and_dotnet_loads_and_makes_the_last_steps(make_job: MakeJob) -> None:
    job, call, inputs = asked(make_job, CASE, PYTHON_TO_DOTNET)
    case = job.subject
    last = tuple(range(case.steps, case.steps + case.after))
    assert (call.optimizer, call.target, call.before, call.after) == ("Adam", "fresh", (), last)
    assert (call.load, call.save) == (str(job.artifact), str(job.artifact.with_suffix(".again")))
    parameters = [name for name, _ in job.entries if name.startswith("parameter.")]
    gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
    assert [name for name, _ in inputs] == [*parameters, *(name for name, _ in gradients)]
    stepped = OptimizerRun(case, job.entries)
    stepped.steps(range(case.steps))
    assert digest(inputs) == digest([*stepped.parameters(), *gradients])


def test_every_option_is_another_one_before_a_load(make_job: MakeJob) -> None:
    job, call, _ = asked(make_job, CASE, PYTHON_TO_DOTNET)
    record = OptimizerRun(job.subject, job.entries).record()
    for group, options in zip(call.groups, record.groups, strict=True):
        assert group.options.keys() == options.keys()
        assert [name for name, value in group.options.items() if value == options[name]] == []


def test_dotnet_makes_the_first_steps_and_saves(make_job: MakeJob) -> None:
    job, call, inputs = asked(make_job, CASE, DOTNET_TO_PYTHON)
    case = job.subject
    assert (call.before, call.load, call.save) == (tuple(range(case.steps)), None, str(job.artifact))
    assert digest(inputs) == digest(job.entries)
    assert [dict(group.options) for group in call.groups] == OptimizerRun(case, job.entries).record().groups
    assert [group.parameters for group in call.groups] == [group.parameters for group in case.groups]


def test_a_used_optimizer_has_made_a_step_before_it_loads(make_job: MakeJob) -> None:
    assert asked(make_job, "optim/rmsprop-into-used/f32", PYTHON_TO_DOTNET)[1].before == (0,)


@pytest.mark.parametrize(("case_id", "steps"), [("optim/rmsprop-into-used/f32", 1), ("optim/rmsprop/f32", 0)])
def test_in_python_too_a_used_optimizer_has_made_a_step_before_it_loads(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, case_id: str, steps: int
) -> None:
    seen: list[str] = []

    def load(run: OptimizerRun, saved: object) -> None:
        seen.append(digest(flat_states(run.record())))

    monkeypatch.setattr(OptimizerRun, "load", load)
    job = make_job(case_id, "optimizer")
    transfer(job, "optimizer", DOTNET_TO_PYTHON)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, UseOptimizer)
    gradients = [entry for entry in job.entries if entry.name.startswith("gradient.")]
    fresh = OptimizerRun(job.subject, [*read_state_dict(call.parameters[0]), *gradients])
    fresh.steps(range(steps))
    assert seen[0] == digest(flat_states(fresh.record()))


# What is computed.


@BOTH
def test_steps_that_rounding_explains_pass(make_job: MakeJob, direction: str) -> None:
    def change(call: UseOptimizer) -> None:
        (name, tensor), *others = read_state_dict(call.parameters[-1])
        larger = torch_tensors.to_torch(tensor) * (1 + 2**-23)
        write_whole(call.parameters[-1], encode_state_dict([Entry(name, torch_tensors.from_torch(larger)), *others]))

    assert differing(changing(make_job("optim/adam-groups/f32", "optimizer"), change), direction) == {}


@pytest.mark.parametrize(
    ("direction", "check"),
    [(PYTHON_TO_DOTNET, "step"), (DOTNET_TO_PYTHON, "step"), (DOTNET_TO_PYTHON, FIRST)],
)
def test_steps_with_torchsharps_faults_are_what_the_counterpart_computes(
    make_job: MakeJob, direction: str, check: str
) -> None:
    job = make_job("optim/adam-maximize-amsgrad/f32", "optimizer", HonestPeer())
    assert transfer(job, "optimizer", direction).verdicts[check].kind is Kind.PASS
    case_id = "optim/sgd-maximize-momentum/f32"
    verdict = transfer(make_job(case_id, "optimizer", HonestPeer(faulty=True)), "optimizer", direction).verdicts[check]
    assert verdict.kind is Kind.BITS
    assert verdict.as_predicted is not None
    assert [verdict.as_predicted(each) for each in ([STEPS], [])] == [True, False]


def test_a_fault_predicts_other_options_of_a_file(make_job: MakeJob) -> None:
    def change(call: UseOptimizer) -> None:
        for path in (call.save, call.memory[0]):
            record = read_optimizer(path)
            groups = [{**each, "initial_lr": each["lr"]} for each in record.groups]
            write_whole(path, encode_optimizer(record._replace(groups=groups)))

    job = changing(make_job("optim/adam-scheduled/f32", "optimizer"), change)
    for check in ("bytes", "options"):
        verdict = transfer(job, "optimizer", PYTHON_TO_DOTNET).verdicts[check]
        assert verdict.as_predicted is not None
        assert verdict.as_predicted(["present-rate-as-initial", "kept no-such-*"])
        assert not verdict.as_predicted(["kept no-such-*"])


def test_a_fault_predicts_options_that_dotnet_does_not_keep(make_job: MakeJob) -> None:
    def change(call: UseOptimizer) -> None:
        for path in (call.save, call.memory[0]):
            record = read_optimizer(path)
            groups = [{**each, "initial_lr": each["lr"]} for each in record.groups]
            write_whole(path, encode_optimizer(record._replace(groups=groups)))

    job = changing(make_job("optim/adam-scheduled/f32", "optimizer"), change)
    verdict = transfer(job, "optimizer", DOTNET_TO_PYTHON).verdicts["options"]
    assert verdict.as_predicted is not None
    assert verdict.as_predicted(["present-rate-as-initial", "kept no-such-*"])


def test_an_artifact_that_differs_is_predicted_by_a_fault(make_job: MakeJob) -> None:
    job = OptimizerJob(make_job("optim/adam-scheduled/f32", "optimizer"))
    record = job.stepped("cpu").record()
    groups = [{**each, "initial_lr": each["lr"]} for each in record.groups]
    write_whole(job.job.artifact, encode_optimizer(record._replace(groups=groups)))
    predicted = written(job, record)["bytes"].as_predicted
    assert predicted is not None
    assert predicted(["present-rate-as-initial", "kept no-such-*"])


def test_what_begins_with_a_refusal_gives_the_artifact_too(job: Job[Any]) -> None:
    refusing = with_peer(job, lambda call: OptimizerUsed({"begin": Thrown("System.Exception", "no")}))
    assert transfer(refusing, "optimizer", PYTHON_TO_DOTNET).artifact == job.artifact
