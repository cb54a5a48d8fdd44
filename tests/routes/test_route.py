"""What a job asks, and when it collects garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doubles import MakeJob, changing, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import TensorSpec
from tscompat.dotnet_side.client import CALL_SECONDS, Violation
from tscompat.dotnet_side.messages import Done, NativeModule, Placement, Save, Schema, Thrown
from tscompat.routes import Job, dotnet_half
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


def saving(job: Job[Any]) -> Save:
    return Save(
        "module-path", str(job.expected_file), str(job.artifact), None, Placement("cpu", "contiguous", 1.0, 0), None
    )


MANY = ("a: b before, c after", "d", "e", "f", "g")
CHANGED = ".NET changed what it must leave as it is"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Done(MANY[:3]), "a: b before, c after; d; e"),
        (Done(MANY), "a: b before, c after; d; e; and 2 more"),
        (Thrown("System.Exception", "no", MANY[:1]), "a: b before, c after; it threw System.Exception: no"),
    ],
)
def test_an_answer_with_a_change_is_a_violation(make_job: MakeJob, answer: Done | Thrown, words: str) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    found = with_peer(job, lambda call: answer).ask(saving(job))
    assert found == Violation(f"{CHANGED}: {words}", answer.changed)


def test_what_a_refused_load_changes_is_no_violation(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    thrown = Thrown("System.Exception", "no", MANY)
    found = dotnet_half.load(with_peer(job, lambda call: thrown), dotnet_half.module(job), artifact=job.expected_file)
    assert found == thrown


def test_what_dotnet_throws_without_a_change_is_the_answer(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    thrown = Thrown("System.Exception", "no")
    assert with_peer(job, lambda call: thrown).ask(saving(job)) == thrown


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(("change", "words"), [(rewrite, "another"), (Path.unlink, "gone")])
@pytest.mark.parametrize("field", ["expected", "artifact"])
def test_a_load_that_changes_a_file_that_it_reads_is_a_violation(
    make_job: MakeJob, change: Callable[[Path], None], words: str, field: str
) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    job.artifact.write_bytes(job.expected_file.read_bytes())
    spoiling = changing(job, lambda call: change(Path(getattr(call, field))))
    found = dotnet_half.load(spoiling, dotnet_half.module(job), artifact=job.artifact)
    name = {"expected": job.expected_file, "artifact": job.artifact}[field].name
    what = f"the file {name}, which it was to read, is {words}"
    assert found == Violation(f"{CHANGED}: {what}", (what,))


def test_a_file_that_is_read_twice_is_named_once(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    spoiling = changing(job, lambda call: rewrite(job.expected_file))
    found = dotnet_half.load(spoiling, dotnet_half.module(job), artifact=job.expected_file)
    assert isinstance(found, Violation)
    assert len(found.changed) == 1


def test_a_save_writes_its_artifact(make_job: MakeJob) -> None:
    job = make_job("layer/linear/default/f32", "dat")
    assert job.ask(msgspec.structs.replace(saving(job), module=None)) == Done()
    assert job.artifact.exists()


def test_the_jobs_other_files_lie_beside_the_artifact(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job("layer/linear/default/f32", "schema")
    assert (job.inputs, job.outputs) == (tmp_path / "actual.inputs", tmp_path / "actual.outputs")


def test_the_identity_pattern_is_that_of_all_tensors() -> None:
    identity, other = spec("a", 1, "identity"), spec("b", 1)
    assert [is_identity(specs) for specs in ((identity,), (identity, other), (other,), ())] == [
        True,
        *[False] * 3,
    ]
