"""The routes of PyBridge: the real peer passes, a lying one is found out, a file that Python cannot read is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doubles import FakePeer, MakeJob, kinds, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import Tensors, load_catalogue, make
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import AnyCall, Done, Load, Loaded, Save, Thrown
from tscompat.python_side import torch_tensors
from tscompat.routes import ROUTES, dotnet_half
from tscompat.routes.formats import write_pickle, write_safetensors, write_shards
from tscompat.routes.pybridge import CHECKS
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.tensors import PLAIN, Quantizer
from tscompat.values.verdict import Kind, Verdict

CASES = load_catalogue()
CASE = CASES["role/both/bf16"]
QUANTIZED = CASES["quantized/per-tensor/qi8"]
TRANSFERS = [
    (name, direction)
    for name, route in ROUTES.items()
    if name.startswith("pybridge-") and name in CASE.routes
    for direction in route.directions
]
BOTH_WAYS = ["pybridge-pickle", "pybridge-safetensors"]


def saving(write: Callable[[Path], object]) -> Callable[[AnyCall], Done]:
    """The answers of a peer that writes the artifact with ``write``."""

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Save)
        write(Path(call.artifact))
        return Done()

    return answer


def state_of(case_id: str, **changes: Any) -> dict[str, torch.Tensor]:
    """The state dict that Python would save."""
    subject = CASES[case_id].subject
    assert isinstance(subject, Tensors)
    return torch_tensors.source(replace(subject, **changes), make(case_id, subject.specs))


@pytest.mark.parametrize(
    ("direction", "checks"), [(PYTHON_TO_DOTNET, ("bits", "flags")), (DOTNET_TO_PYTHON, ("bits", "order"))]
)
def test_flags_are_those_of_a_load_in_dotnet(direction: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["pybridge-pickle"].checks_of(load_catalogue()["role/flags/f32"], direction) == checks


@pytest.mark.parametrize(("route", "direction"), TRANSFERS)
def test_the_real_peer_passes(real_job: MakeJob, route: str, direction: str) -> None:
    assert set(kinds(real_job(CASE.id, route), route, direction).values()) == {Kind.PASS}


@pytest.mark.parametrize("route", [name for name, direction in TRANSFERS if direction == PYTHON_TO_DOTNET])
def test_a_peer_that_reports_no_difference_without_reading_is_found_out(make_job: MakeJob, route: str) -> None:
    lying = with_peer(
        make_job(CASE.id, route),
        lambda call: Loaded(differences=(), missing=(), unexpected=(), digest="", quantizer=None),
    )
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        transfer(lying, route, PYTHON_TO_DOTNET)


@pytest.mark.parametrize("route", BOTH_WAYS)
def test_a_file_that_python_cannot_read_is_a_difference_of_bytes(make_job: MakeJob, route: str) -> None:
    job = with_peer(make_job(CASE.id, route), saving(lambda artifact: artifact.write_bytes(b"\x0f" * 100)))
    verdict = transfer(job, route, DOTNET_TO_PYTHON).verdicts["bits"]
    assert (verdict.kind, verdict.detail[:10]) == (Kind.BYTES, "unreadable")


def test_entries_in_another_order_are_named(make_job: MakeJob) -> None:
    turned = dict(reversed(state_of(CASE.id).items()))
    job = with_peer(make_job(CASE.id, "pybridge-pickle"), saving(lambda artifact: write_pickle(artifact, turned)))
    found = kinds(job, "pybridge-pickle", DOTNET_TO_PYTHON)
    assert (found["bits"], found["order"]) == (Kind.PASS, Kind.ORDER)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(("other", "kind"), [(False, Kind.PASS), (True, Kind.BITS)], ids=["the-same", "another"])
def test_the_quantizer_in_the_file_is_judged(make_job: MakeJob, other: bool, kind: Kind) -> None:
    """A double writes the file, because PyBridge 1.4.4 saves no quantizer."""
    changes: dict[str, Quantizer] = {"quantizer": PLAIN} if other else {}
    state = state_of(QUANTIZED.id, **changes)
    job = make_job(QUANTIZED.id, "pybridge-pickle")
    saved = with_peer(job, saving(lambda artifact: write_pickle(artifact, state)))
    assert kinds(saved, "pybridge-pickle", DOTNET_TO_PYTHON)["quantizer"] is kind


@pytest.mark.parametrize(
    ("route", "case_id", "direction", "checks"),
    [
        ("pybridge-pickle", "pickle/ordered/f32", DOTNET_TO_PYTHON, ()),
        ("pybridge-pickle", "quantized/per-tensor/qi8", PYTHON_TO_DOTNET, ("bits", "quantizer")),
    ],
)
def test_what_has_no_meaning_is_not_checked(route: str, case_id: str, direction: str, checks: tuple[str, ...]) -> None:
    assert ROUTES[route].checks_of(CASES[case_id], direction) == checks


def names_in(file: Path) -> list[str]:
    data = file.read_bytes()
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return [name for name in header if name != "__metadata__"]


def test_shards_are_two_files_and_an_index(tmp_path: Path) -> None:
    write_shards(write_safetensors, "model.safetensors", tmp_path / "shards", state_of(CASE.id))
    index = json.loads((tmp_path / "shards" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    shards = (tmp_path / "shards").glob("*.safetensors")
    found = {name: file.name for file in shards for name in names_in(file)}
    assert (found, len(set(found.values()))) == (index["weight_map"], 2)


@pytest.mark.parametrize("route", BOTH_WAYS)
@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_a_transfer_gives_the_file_that_was_written(make_job: MakeJob, route: str, direction: str) -> None:
    job = make_job(CASE.id, route)
    artifact = transfer(job, route, direction).artifact
    assert (artifact, artifact.exists()) == (job.artifact, True)


@pytest.mark.parametrize(
    ("case_id", "way", "turned"), [("pickle/nested/f32", "nested", False), ("order/target-reversed/f32", "", True)]
)
def test_python_pickles_and_dotnet_registers_as_the_case_wants(
    make_job: MakeJob, case_id: str, way: str, turned: bool
) -> None:
    peer = FakePeer(lambda call: Thrown("System.Exception", "no"))
    job = make_job(case_id, "pybridge-pickle", peer)
    transfer(job, "pybridge-pickle", PYTHON_TO_DOTNET)
    saved: dict[str, Any] = torch.load(job.artifact, weights_only=True)
    assert ("state_dict" in saved) == bool(way)
    (call,) = peer.calls
    assert isinstance(call, Load)
    assert getattr(call.module, "reversed", None) is turned


def test_what_pythons_writer_refuses_is_a_refusal_of_every_check(make_job: MakeJob) -> None:
    job = make_job(QUANTIZED.id, "pybridge-safetensors")
    found = transfer(job, "pybridge-safetensors", PYTHON_TO_DOTNET)
    refused = Verdict(Kind.REFUSED, "Python's writer: KeyError: torch.qint8")
    assert found.verdicts == dict.fromkeys(CHECKS, refused)
    assert found.artifact == job.artifact


def test_a_module_of_one_side_alone_is_not_transferred() -> None:
    case = next(case for case in CASES.values() if getattr(case.subject, "only", None))
    assert ROUTES["pybridge-pickle"].checks_of(case, PYTHON_TO_DOTNET) == ()


@pytest.mark.parametrize(
    ("case_id", "direction", "checks"),
    [
        (CASE.id, PYTHON_TO_DOTNET, ("bits",)),
        (CASE.id, DOTNET_TO_PYTHON, ("bits", "order")),
        (QUANTIZED.id, DOTNET_TO_PYTHON, ("bits", "order", "quantizer")),
        ("layer/linear/default/f32", DOTNET_TO_PYTHON, ("bits", "order")),
        ("pickle/ordered/f32", PYTHON_TO_DOTNET, ("bits",)),
    ],
)
def test_only_what_dotnet_writes_has_an_order(case_id: str, direction: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["pybridge-pickle"].checks_of(CASES[case_id], direction) == checks


def test_other_bits_in_the_file_are_a_difference(make_job: MakeJob) -> None:
    state = state_of(CASE.id)
    state["buffer"] = -state["buffer"]
    job = with_peer(make_job(CASE.id, "pybridge-pickle"), saving(lambda artifact: write_pickle(artifact, state)))
    assert kinds(job, "pybridge-pickle", DOTNET_TO_PYTHON) == {"bits": Kind.BITS, "order": Kind.PASS}


def test_an_unreadable_file_has_no_verdicts_of_its_own(make_job: MakeJob) -> None:
    job = make_job(QUANTIZED.id, "pybridge-pickle")
    spoiled = with_peer(job, saving(lambda artifact: artifact.write_bytes(b"\x0f" * 100)))
    found = transfer(spoiled, "pybridge-pickle", DOTNET_TO_PYTHON)
    assert found.artifact == job.artifact
    assert found.verdicts == dict.fromkeys(CHECKS, found.verdicts["bits"])


def test_a_model_is_pickled_with_what_its_state_dict_has_beside_the_tensors(make_job: MakeJob) -> None:
    job = make_job("layer/batchnorm1d/default/f32", "pybridge-pickle")
    artifact = transfer(job, "pybridge-pickle", PYTHON_TO_DOTNET).artifact
    assert hasattr(torch.load(artifact, weights_only=True), "_metadata")


def test_dotnet_saves_the_module_of_the_case(make_job: MakeJob) -> None:
    job = make_job(CASE.id, "pybridge-pickle")
    transfer(job, "pybridge-pickle", DOTNET_TO_PYTHON)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, Save)
    assert call.module == dotnet_half.bag(job)
