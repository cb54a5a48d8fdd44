"""What the optimizers' routes ask of .NET, and what they judge of what it computes; by doubles of the peer."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import MakeJob, changing, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue
from tscompat.codec import OptimizerRecord, encode_optimizer, encode_state_dict, read_optimizer, read_state_dict
from tscompat.codec.optimizer import flat_states
from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import OptimizerUsed, Thrown, UseOptimizer
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

    job = changing(make_job("optim/adam-groups/f32", "optimizer"), change)
    assert {verdict.kind for verdict in transfer(job, "optimizer", direction).verdicts.values()} == {Kind.PASS}


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


def of_the_present_rate(record: OptimizerRecord) -> OptimizerRecord:
    """The record with the present learning rate of each group as its initial one."""
    return record._replace(groups=[{**each, "initial_lr": each["lr"]} for each in record.groups])


def present_rate_as_initial(call: UseOptimizer) -> None:
    for path in (call.save, call.memory[0]):
        write_whole(path, encode_optimizer(of_the_present_rate(read_optimizer(path))))


def test_a_fault_predicts_other_options_of_a_file(make_job: MakeJob) -> None:
    job = changing(make_job("optim/adam-scheduled/f32", "optimizer"), present_rate_as_initial)
    for check in ("bytes", "options"):
        verdict = transfer(job, "optimizer", PYTHON_TO_DOTNET).verdicts[check]
        assert verdict.as_predicted is not None
        assert verdict.as_predicted(["present-rate-as-initial", "kept no-such-*"])
        assert not verdict.as_predicted(["kept no-such-*"])


def test_a_fault_predicts_options_that_dotnet_does_not_keep(make_job: MakeJob) -> None:
    job = changing(make_job("optim/adam-scheduled/f32", "optimizer"), present_rate_as_initial)
    verdict = transfer(job, "optimizer", DOTNET_TO_PYTHON).verdicts["options"]
    assert verdict.as_predicted is not None
    assert verdict.as_predicted(["present-rate-as-initial", "kept no-such-*"])


def test_an_artifact_that_differs_is_predicted_by_a_fault(make_job: MakeJob) -> None:
    job = OptimizerJob(make_job("optim/adam-scheduled/f32", "optimizer"))
    record = job.stepped("cpu").record()
    write_whole(job.job.artifact, encode_optimizer(of_the_present_rate(record)))
    predicted = written(job, record)["bytes"].as_predicted
    assert predicted is not None
    assert predicted(["present-rate-as-initial", "kept no-such-*"])


def test_what_begins_with_a_refusal_gives_the_artifact_too(job: Job[Any]) -> None:
    refusing = with_peer(job, lambda call: OptimizerUsed({"begin": Thrown("System.Exception", "no")}))
    assert transfer(refusing, "optimizer", PYTHON_TO_DOTNET).artifact == job.artifact
