"""The modules that repeat TorchSharp's faults compute what TorchSharp's do, and not what Python's do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from doubles import FakePeer, MakeJob, transfer
from tscompat.catalogue import make_inputs
from tscompat.codec import read_state_dict
from tscompat.dotnet_side.messages import AnyAnswer, AnyCall, Forward
from tscompat.python_side.models import native
from tscompat.routes.route import PYTHON_TO_DOTNET, Job
from tscompat.values.tensors import StateDict, Tensor

WITHIN = {"bf16": 2.0**-7, "f16": 2.0**-9, "f32": 2.0**-20, "f64": 2.0**-48}
"""The part of the largest output that both sides may be apart, by dtype of the output."""


@pytest.mark.parametrize(
    ("fault", "case"),
    [
        ("relu6-in-squeeze-excitation", "arch/mobilenet-v3-small/f32"),
        ("values-of-the-constructor", "layer/embedding/from-pretrained/f32"),
        ("values-of-the-constructor", "layer/embedding/from-pretrained/bf16"),
        ("values-of-the-constructor", "layer/embeddingbag/from-pretrained/f64"),
        ("values-of-the-constructor", "layer/bceloss/weight/f32"),
        ("values-of-the-constructor", "layer/bceloss/weight/f64"),
        ("values-of-the-constructor", "layer/bcewithlogitsloss/pos-weight/f16"),
        ("values-of-the-constructor", "layer/multilabelsoftmarginloss/weight/f16"),
        ("converted-values-of-the-constructor", "layer/bceloss/weight-child/f64"),
        ("converted-values-of-the-constructor", "layer/bcewithlogitsloss/pos-weight-child/f32"),
        ("converted-values-of-the-constructor", "layer/multimarginloss/weight-child/f32"),
    ],
)
def test_torchsharp_computes_what_the_faulty_module_does(make_job: MakeJob, fault: str, case: str) -> None:
    job, theirs = computed(make_job, case)
    faulty = outputs(job, fault)
    assert [name for name, _ in faulty] == [name for name, _ in theirs]
    for (_, our), (_, their) in zip(faulty, theirs, strict=True):
        assert near(our, their)
    assert not all(near(our, their) for (_, our), (_, their) in zip(outputs(job), theirs, strict=True))


def computed(make_job: MakeJob, case: str) -> tuple[Job[Any], StateDict]:
    """The case's job, and what the real peer computes."""
    real = make_job(case, "forward")
    written: list[StateDict] = []

    def answer(call: AnyCall) -> AnyAnswer:
        assert isinstance(call, Forward)
        found: Any = real.peer.ask(call)
        written.append(read_state_dict(call.outputs))
        return found

    job = make_job(case, "forward", FakePeer(answer))
    transfer(job, "forward", PYTHON_TO_DOTNET)
    return job, written[0]


def outputs(job: Job[Any], fault: str = "") -> StateDict:
    """What Python's module computes, with or without the fault."""
    module = native.computing(job.subject, job.entries, job.subject.dtype, [fault] if fault else [])
    return native.forward(module, job.subject, make_inputs(job.case.id, job.subject), job.subject.dtype)


def near(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same dtype and shape, and about the same numbers."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    a, b = (np.frombuffer(each.data, each.dtype.scalar).astype(np.float64) for each in (one, other))
    return bool(np.max(np.abs(a - b)) <= WITHIN[one.dtype.name] * np.max(np.abs(a)))
