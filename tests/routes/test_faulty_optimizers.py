"""The optimizers that repeat TorchSharp's faults, against TorchSharp: they agree but for a few ULP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from doubles import FakePeer, MakeJob, transfer
from tscompat.codec import read_optimizer, read_state_dict
from tscompat.codec.optimizer import flat_states
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, UseOptimizer
from tscompat.python_side.optimizer_run import OptimizerRun
from tscompat.routes.route import DOTNET_TO_PYTHON
from tscompat.values.compare import compare
from tscompat.values.tensors import StateDict

FEW = 4


@pytest.mark.parametrize(
    "case",
    [
        *("sgd-maximize-decay/f32", "sgd-maximize-momentum/f32", "radam-rectified/f32", "radam-rectified/f64"),
        *("asgd-averaging/f64", "nadam-decay/f64", "adadelta-decay/f32"),
        *("adam-complex/c64", "adamw-complex/c64", "nadam-complex/c64", "radam-complex/c64", "adadelta-complex/c64"),
    ],
)
def test_torchsharp_does_what_its_counterpart_does(real_job: MakeJob, case: str) -> None:
    real = real_job(f"optim/{case}", "optimizer")
    calls: list[UseOptimizer] = []

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, UseOptimizer)
        calls.append(call)
        found: Any = real.peer.ask(call)
        return found

    job = real_job(f"optim/{case}", "optimizer", FakePeer(answer))
    transfer(job, "optimizer", DOTNET_TO_PYTHON)
    run = OptimizerRun(job.subject, job.entries, faulty=True)
    run.steps(range(job.subject.steps + job.subject.after))
    close(run.parameters(), read_state_dict(calls[0].parameters[-1]))
    close(flat_states(run.record()), flat_states(read_optimizer(calls[0].memory[1])))


def close(ours: StateDict, theirs: StateDict) -> None:
    """The same entries, whose numbers differ by a few units in the last place of the tensor's largest at most: parts of
    complex numbers can be small by cancellation.
    """
    found = dict(theirs)
    for kind, detail, _, _ in compare(ours, theirs):
        assert kind == "bits", detail
    for name, tensor in ours:
        one, other = (np.frombuffer(each.data, tensor.dtype.scalar) for each in (tensor, found[name]))
        unit = 2.0**-tensor.dtype.mantissa_bits if tensor.dtype.mantissa_bits else 0.0
        assert np.max(np.abs(one - other), initial=0) <= FEW * unit * np.max(np.abs(one), initial=0), name
