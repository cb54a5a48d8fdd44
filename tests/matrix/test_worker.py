"""The verdicts of a worker where a case does not fit into memory or disk, and where a peer dies."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from doubles import FakePeer
from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.messages import AnyCall
from tscompat.dotnet_side.process import PeerDied
from tscompat.matrix import worker
from tscompat.matrix.setting import Setting
from tscompat.matrix.worker import Worker
from tscompat.values.verdict import Kind, VerdictId
from tscompat.verdicts.divergences import Divergences

BYTES = VerdictId.parse("dat/python-to-dotnet/cpu/role/both/bf16/bytes")
BITS = BYTES._replace(check="bits")


def dying(kind: Kind) -> FakePeer:
    """A peer that dies in every call."""

    def answer(call: AnyCall) -> NoReturn:
        raise PeerDied(kind, "it died", "")

    return FakePeer(answer)


def worker_with(peer: FakePeer, folder: Path) -> Worker:
    setting = Setting(
        run_folder=str(folder),
        out=str(folder / "out"),
        publish="publish",
        environment="",
        running=[],
        memory_limit=0,
        scripts={},
        again="tscompat run",
    )
    return Worker(load_catalogue(), folder, setting, peer, Divergences([], [], {}), {})


@pytest.mark.parametrize(("kind", "calls"), [(Kind.CRASH, 2), (Kind.TIMEOUT, 1), (Kind.MEMORY, 1)])
def test_a_death_is_the_verdict_and_only_after_a_crash_the_next_check_tries_again(
    tmp_path: Path, kind: Kind, calls: int
) -> None:
    peer = dying(kind)
    deciding = worker_with(peer, tmp_path)
    assert [deciding.decide(each).record.verdict for each in (BYTES, BITS)] == [kind, kind]
    assert len(peer.calls) == calls


def test_a_case_that_does_not_fit_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LARGE", 0)
    monkeypatch.setattr(worker, "LEAST_FREE", 1 << 60)
    record = worker_with(dying(Kind.CRASH), tmp_path).decide(BITS).record
    assert record.verdict is Kind.NOT_RUN
    assert record.detail.startswith("needs 1073741824.0 GiB in the temporary folder")
