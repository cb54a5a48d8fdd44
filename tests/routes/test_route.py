"""What a job asks, and when it collects garbage."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles import MakeJob
from honest_peer import HonestPeer
from tscompat.catalogue import TensorSpec
from tscompat.dotnet_side.client import CALL_SECONDS
from tscompat.dotnet_side.messages import NativeModule, Schema
from tscompat.routes import Job
from tscompat.routes.route import MUCH_GARBAGE, SLOWEST, is_identity
from tscompat.values.dtypes import BY_NAME

CALL = Schema(NativeModule("layer", "", "f32"))


def of_size(make_job: MakeJob, *sizes: int) -> Job[Any]:
    """A job whose tensors take so many bytes."""
    job = make_job("layer/linear/default/f32", "schema")
    return replace(job, specs=tuple(spec("w", size) for size in sizes))


def spec(name: str, size: int, fill: str = "random") -> TensorSpec:
    return TensorSpec(name, BY_NAME["u8"], (size,), fill, buffer=False)


def test_the_answer_is_the_peers(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/f32", "schema")
    assert [entry.name for entry in job.ask(CALL).entries] == ["weight", "bias"]  # pyright: ignore


def test_the_deadline_grows_with_all_tensors(make_job: MakeJob) -> None:
    job = of_size(make_job, 20_000_000, 10_000_000)
    job.ask(CALL)
    assert isinstance(job.peer, HonestPeer)
    assert job.peer.seconds == [CALL_SECONDS + 30_000_000 / SLOWEST]


@pytest.mark.parametrize(("size", "times"), [(MUCH_GARBAGE, 0), (MUCH_GARBAGE + 1, 1)])
def test_only_a_large_case_collects_garbage_before_a_call(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, size: int, times: int
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    of_size(make_job, size).ask(CALL)
    assert len(collected) == times


def test_the_jobs_other_files_lie_beside_the_artifact(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job("layer/linear/default/f32", "schema")
    assert (job.inputs, job.outputs) == (tmp_path / "actual.inputs", tmp_path / "actual.outputs")


def test_the_identity_pattern_is_that_of_all_tensors() -> None:
    identity, other = spec("a", 1, "identity"), spec("b", 1)
    assert [is_identity(specs) for specs in ((identity,), (identity, other), (other,), ())] == [
        True,
        *[False] * 3,
    ]
