"""The verdicts of a worker where a case does not fit into memory or disk, and where a peer dies."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from doubles import FakePeer, loaded
from tscompat.catalogue import load_catalogue
from tscompat.codec import read_state_dict
from tscompat.dotnet_side.errors import Death, PeerBroken, PeerDied
from tscompat.dotnet_side.messages import AnyCall, Load, Loaded, Thrown
from tscompat.matrix import worker
from tscompat.matrix.setting import Setting
from tscompat.matrix.worker import Worker
from tscompat.values.verdict import Kind, VerdictId
from tscompat.verdicts.divergences import Divergences, Outcome

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
        dotnet_device="cpu",
        publish="publish",
        environment="",
        running=[],
        memory_limit=0,
        scripts={},
        again="tscompat run",
    )
    return Worker(load_catalogue(), folder, setting, peer, Divergences([], [], {}), {})


@pytest.mark.parametrize(("kind", "transfers"), [(Kind.CRASH, 2), (Kind.TIMEOUT, 1), (Kind.MEMORY, 1)])
def test_a_death_is_the_verdict_and_only_after_a_crash_the_next_check_tries_again(
    tmp_path: Path, kind: Kind, transfers: int
) -> None:
    peer = dying(kind)
    deciding = worker_with(peer, tmp_path)
    assert [deciding.decide(each).record.verdict for each in (BYTES, BITS)] == [kind, kind]
    proofs = 1
    assert len(peer.calls) == proofs + transfers


def cheating(call: AnyCall) -> Loaded:
    """Answers a load from the expected file, without a look at the artifact."""
    assert isinstance(call, Load)
    return loaded(read_state_dict(call.expected))


def test_a_pass_of_a_peer_that_does_not_read_could_not_run(tmp_path: Path) -> None:
    with pytest.raises(PeerBroken, match=r"passes role/both/bf16, but the overload module-path is not proven"):
        worker_with(FakePeer(cheating), tmp_path).decide(BYTES)


def test_a_proof_is_made_once(tmp_path: Path) -> None:
    peer = FakePeer(lambda call: Thrown("Refused", "no"))
    deciding = worker_with(peer, tmp_path)
    for case in ("role/both/bf16", "role/both/f32"):
        assert deciding.decide(BITS._replace(case=case)).record.verdict is Kind.REFUSED
    assert len(peer.calls) == 3


def test_a_death_after_an_answer_replaces_the_verdict_of_its_purpose(tmp_path: Path) -> None:
    peer = FakePeer(lambda call: Thrown("Refused", "no"))
    deciding = worker_with(peer, tmp_path)
    deciding.decide(BYTES)
    peer.deaths.append(Death(str(BYTES), PeerDied(Kind.CRASH, "the peer died with exit code 7", "why")))
    (record,) = deciding.decide(BITS).deaths
    assert (record.id, record.verdict, record.outcome) == (str(BYTES), Kind.CRASH, Outcome.FAILED)
    assert (tmp_path / "out" / record.files[0]).read_text() == "why"
    assert deciding.close() == ()


def test_an_expected_file_that_is_no_longer_as_it_was_made_is_made_anew(tmp_path: Path) -> None:
    peer = FakePeer(lambda call: Thrown("Refused", "no"))
    deciding = worker_with(peer, tmp_path)
    deciding.decide(BITS)
    expected = tmp_path / "role.both.bf16" / "expected.dat"
    made = expected.read_bytes()
    expected.write_bytes(made[::-1])
    deciding.decide(BITS._replace(route="dat-stream"))
    assert expected.read_bytes() == made


def test_a_case_that_does_not_fit_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LARGE", 0)
    monkeypatch.setattr(worker, "LEAST_FREE", 1 << 60)
    record = worker_with(dying(Kind.CRASH), tmp_path).decide(BITS).record
    assert record.verdict is Kind.NOT_RUN
    assert record.detail.startswith("needs 1073741824.0 GiB in the temporary folder")


def test_a_full_run_folder_could_not_run_and_what_to_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, buffers: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "run folder")

    monkeypatch.setattr(worker, "write_whole", full)
    with pytest.raises(PeerBroken, match="No space left on device: 'run folder': free some space"):
        worker_with(FakePeer(cheating), tmp_path).decide(BYTES)


def test_an_error_of_our_own_is_not_the_machine_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: Path, buffers: object) -> NoReturn:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr(worker, "write_whole", absent)
    with pytest.raises(FileNotFoundError):
        worker_with(FakePeer(cheating), tmp_path).decide(BYTES)
