"""A route's verdicts: what a pass must show, and what a lying peer cannot fake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from doubles import FakePeer, MakeJob, kinds, nothing, transfer, with_peer
from honest_peer import HonestPeer
from tscompat.catalogue import load_catalogue
from tscompat.codec import encode_state_dict, encode_tensor
from tscompat.codec.fields import fields_of_state_dict
from tscompat.dotnet_side.client import WithoutDotnet
from tscompat.dotnet_side.errors import PeerBroken
from tscompat.dotnet_side.messages import AnyCall, Done, Load, Loaded, Save, Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import native
from tscompat.python_side.torch_tensors import poison
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job, judging
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import Kind, Verdict

CASE = "role/both/bf16"


@pytest.fixture
def job(make_job: MakeJob) -> Job[Any]:
    return make_job(CASE, "dat")


def saving(write: Callable[[Path], object]) -> Callable[[AnyCall], Done]:
    """The answers of a peer that writes the artifact with ``write``."""

    def answer(call: AnyCall) -> Done:
        assert isinstance(call, Save)
        write(Path(call.artifact))
        return Done()

    return answer


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
def test_the_real_peer_passes(real_job: MakeJob, direction: str) -> None:
    assert set(kinds(real_job(CASE, "dat"), "dat", direction).values()) == {Kind.PASS}


def test_a_peer_that_reports_no_difference_without_reading_is_found_out(job: Job[Any]) -> None:
    lying = with_peer(job, lambda call: Loaded(differences=(), missing=(), unexpected=(), digest="", quantizer=None))
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        transfer(lying, "dat", PYTHON_TO_DOTNET)


def test_a_peer_that_saves_nothing_is_found_out(job: Job[Any]) -> None:
    verdicts = transfer(with_peer(job, lambda call: Done()), "dat", DOTNET_TO_PYTHON).verdicts
    assert set(verdicts.values()) == {Verdict(Kind.BITS, "the save wrote no file")}


def test_a_saved_file_of_other_bits_is_a_difference(job: Job[Any]) -> None:
    data = bytearray(job.expected_file.read_bytes())
    data[-1] ^= 1
    found = kinds(with_peer(job, saving(lambda artifact: artifact.write_bytes(data))), "dat", DOTNET_TO_PYTHON)
    assert (found["bits"], found["bytes"]) == (Kind.BITS, Kind.BYTES)


def without(job: Job[Any], name: str, change: Callable[[Tensor], Tensor]) -> Verdict:
    """The ``bits`` verdict where TorchSharp saves all entries but this one, and the others changed."""
    others = [Entry(each, change(tensor)) for each, tensor in job.entries if each != name]
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_state_dict(others))))
    return transfer(saved, "dat", DOTNET_TO_PYTHON).verdicts["bits"]


@pytest.mark.parametrize(
    ("case_id", "name", "detail"),
    [
        (CASE, "buffer", "missing 'buffer'; the other 1 are equal"),
        ("layer/linear/default/f32", "bias", "missing 'bias'; the other 1 are equal"),
    ],
)
def test_the_entries_that_are_not_missing_are_loaded_and_compared(
    make_job: MakeJob, case_id: str, name: str, detail: str
) -> None:
    verdict = without(make_job(case_id, "dat"), name, lambda tensor: tensor)
    assert (verdict.kind, verdict.detail) == (Kind.NAMES, detail)


@pytest.mark.parametrize(("case_id", "name"), [(CASE, "buffer"), ("layer/linear/default/f32", "bias")])
def test_a_missing_entry_hides_no_other_bits(make_job: MakeJob, case_id: str, name: str) -> None:
    verdict = without(make_job(case_id, "dat"), name, poison)
    assert (verdict.kind, verdict.detail.endswith(f"; missing '{name}'")) == (Kind.BITS, True)


def test_a_missing_entry_hides_no_other_shape(job: Job[Any]) -> None:
    verdict = without(job, "buffer", lambda tensor: tensor._replace(shape=(1, *tensor.shape)))
    assert (verdict.kind, verdict.detail.endswith("; missing 'buffer'")) == (Kind.SHAPE, True)


def test_an_unexpected_entry_is_a_difference_of_names(job: Job[Any]) -> None:
    more = [*job.entries, Entry("more", job.entries[0].tensor)]
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_state_dict(more))))
    assert transfer(saved, "dat", DOTNET_TO_PYTHON).verdicts["bits"].detail == (
        "unexpected 'more'; the other 2 are equal"
    )


def test_a_saved_tensor_of_other_bits_is_a_difference(make_job: MakeJob) -> None:
    job = make_job("shape/rank-3/f32", "tensor")
    tensor = job.entries[0].tensor
    data = bytearray(tensor.data)
    data[-1] ^= 1
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_tensor(tensor._replace(data=data)))))
    assert kinds(saved, "tensor", DOTNET_TO_PYTHON) == {"bytes": Kind.BYTES, "bits": Kind.BITS}


def test_the_first_element_that_differs_is_data_too(job: Job[Any]) -> None:
    data = bytearray(job.expected_file.read_bytes())
    data[-1] ^= 1
    saved = with_peer(job, saving(lambda artifact: artifact.write_bytes(data)))
    difference = transfer(saved, "dat", DOTNET_TO_PYTHON).verdicts["bytes"].difference
    assert difference is not None
    size = job.entries[-1].tensor.dtype.itemsize
    assert (difference.entry, difference.field, difference.offset) == ("buffer", "element", len(data) - size)


def test_an_unreadable_file_is_a_difference_of_bytes_for_every_check(make_job: MakeJob) -> None:
    job = make_job("quantized/per-tensor/qi8", "dat")
    saved = with_peer(job, saving(lambda artifact: artifact.write_bytes(b"\xff")))
    found = transfer(saved, "dat", DOTNET_TO_PYTHON)
    checks = ("bytes", "bits", "order", "quantizer")
    assert found.verdicts == dict.fromkeys(checks, Verdict(Kind.BYTES, found.verdicts["bits"].detail))
    assert found.verdicts["bits"].detail.startswith("unreadable: byte 0: ")
    assert found.artifact == job.artifact


def test_a_saved_tensor_of_another_dtype_is_no_difference_of_bits_alone(job: Job[Any]) -> None:
    """torch's copy_ would cast it, here to the right bits of its own dtype."""
    (name, tensor), *others = job.entries
    wide = torch_tensors.from_torch(torch_tensors.to_torch(tensor).double())
    cast = [Entry(name, wide), *others]
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_state_dict(cast))))
    assert kinds(saved, "dat", DOTNET_TO_PYTHON) == {"bytes": Kind.BYTES, "bits": Kind.DTYPE, "order": Kind.PASS}


def test_other_bits_hide_no_other_dtype(job: Job[Any]) -> None:
    (name, tensor), (other, second) = job.entries
    wide = torch_tensors.from_torch(torch_tensors.to_torch(second).double())
    changed = [Entry(name, poison(tensor)), Entry(other, wide)]
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_state_dict(changed))))
    found = transfer(saved, "dat", DOTNET_TO_PYTHON)
    assert found.verdicts["bits"].kind is Kind.DTYPE
    assert found.artifact == job.artifact


def test_entries_saved_in_another_order_are_named(job: Job[Any]) -> None:
    turned = job.entries[::-1]
    saved = with_peer(job, saving(lambda artifact: write_whole(artifact, encode_state_dict(turned))))
    assert kinds(saved, "dat", DOTNET_TO_PYTHON) == {"bytes": Kind.BYTES, "bits": Kind.PASS, "order": Kind.ORDER}


def test_the_format_loses_a_quantizer(make_job: MakeJob) -> None:
    verdict = transfer(make_job("quantized/per-tensor/qi8", "dat"), "dat", DOTNET_TO_PYTHON).verdicts["quantizer"]
    assert (verdict.kind, verdict.detail) == (Kind.BITS, "scale 0.25 and zero point 3 were lost")


@pytest.mark.parametrize(
    ("case_id", "loads"), [(CASE, (torch_tensors, "load")), ("layer/linear/default/f32", (native, "fill"))]
)
def test_what_torch_does_not_load_is_a_difference(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, case_id: str, loads: tuple[Any, str]
) -> None:
    job = make_job(case_id, "dat")
    monkeypatch.setattr(*loads, nothing)
    assert kinds(job, "dat", DOTNET_TO_PYTHON) == {"bytes": Kind.PASS, "bits": Kind.BITS, "order": Kind.PASS}


def test_what_torch_exports_otherwise_is_a_difference_and_what_dotnet_loads(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(subject: Any, entries: Any) -> Any:
        return {name: torch_tensors.to_torch(poison(tensor)) for name, tensor in entries}

    job = make_job(CASE, "dat")
    monkeypatch.setattr(native, "state", other)
    found = transfer(job, "dat", PYTHON_TO_DOTNET)
    assert (found.verdicts["bytes"].kind, found.verdicts["bits"].kind) == (Kind.BYTES, Kind.BITS)
    assert found.artifact == job.artifact
    assert "(FORMAT 3." in found.verdicts["bytes"].detail


def test_a_state_dict_that_torch_exports_well_is_not_written_twice(job: Job[Any]) -> None:
    assert transfer(job, "dat", PYTHON_TO_DOTNET).artifact == job.expected_file
    assert not job.artifact.exists()


@pytest.mark.parametrize(("case_id", "turned"), [("order/target-reversed/f32", True), (CASE, False)])
def test_dotnet_registers_its_tensors_in_the_order_of_the_case(make_job: MakeJob, case_id: str, turned: bool) -> None:
    peer = HonestPeer()
    transfer(make_job(case_id, "dat", peer), "dat", PYTHON_TO_DOTNET)
    ((call,),) = (peer.calls,)
    assert isinstance(call, Load)
    assert getattr(call.module, "reversed", None) is turned


@pytest.mark.parametrize("direction", [PYTHON_TO_DOTNET, DOTNET_TO_PYTHON])
@pytest.mark.parametrize(("case_id", "route"), [(CASE, "dat"), ("shape/rank-3/f32", "tensor")])
def test_only_a_route_of_modules_asks_for_a_module(make_job: MakeJob, case_id: str, route: str, direction: str) -> None:
    peer = HonestPeer()
    transfer(make_job(case_id, route, peer), route, direction)
    ((call,),) = (peer.calls,)
    assert (getattr(call, "module", None) is None) == (route == "tensor")


def test_a_refusal_gives_the_artifact_too(job: Job[Any]) -> None:
    refusing = replace(job, peer=FakePeer(lambda call: Thrown("System.Exception", "no")))
    assert transfer(refusing, "dat", DOTNET_TO_PYTHON).artifact == job.artifact


@pytest.mark.parametrize(
    ("case_id", "direction", "checks"),
    [
        (CASE, PYTHON_TO_DOTNET, ("bytes", "bits")),
        (CASE, DOTNET_TO_PYTHON, ("bytes", "bits", "order")),
        ("quantized/per-tensor/qi8", PYTHON_TO_DOTNET, ("bytes", "bits", "quantizer")),
        ("role/flags/f32", PYTHON_TO_DOTNET, ("bytes", "bits", "flags")),
        ("role/flags/f32", DOTNET_TO_PYTHON, ("bytes", "bits", "order")),
    ],
)
def test_a_state_dict_has_these_checks(case_id: str, direction: str, checks: tuple[str, ...]) -> None:
    assert ROUTES["dat"].checks_of(load_catalogue()[case_id], direction) == checks


def test_a_module_that_one_side_has_is_not_transferred() -> None:
    case = next(case for case in load_catalogue().values() if getattr(case.subject, "only", None))
    assert ROUTES["dat"].checks_of(case, PYTHON_TO_DOTNET) == ()


def test_an_exception_of_dotnet_is_a_refusal_without_the_paths_of_this_run(job: Job[Any]) -> None:
    throwing = with_peer(job, lambda call: Thrown("System.IO.IOException", f"no {job.expected_file}\nframe #0"))
    verdict = transfer(throwing, "dat", PYTHON_TO_DOTNET).verdicts["bits"]
    assert (verdict.kind, verdict.detail) == (Kind.REFUSED, "System.IO.IOException: no expected.dat")


def test_without_dotnet_the_python_half_is_decided(make_job: MakeJob) -> None:
    found = kinds(make_job(CASE, "dat", WithoutDotnet()), "dat", PYTHON_TO_DOTNET)
    assert found == {"bytes": Kind.PASS, "bits": Kind.NOT_RUN}


def test_a_transfer_gives_the_file_that_was_written(make_job: MakeJob) -> None:
    job = make_job("shape/rank-3/f32", "tensor")
    assert transfer(job, "tensor", PYTHON_TO_DOTNET).artifact == job.artifact


def shorter(data: bytes) -> bytes:
    return data[:-1]


def longer(data: bytes) -> bytes:
    return data + b"\0"


def other(data: bytes) -> bytes:
    return b"\x07" + data[1:]


@pytest.mark.parametrize(
    ("change", "explained", "byte"),
    [
        (
            shorter,
            r"entry 1 'buffer', elements at byte 0x\w+ \(FORMAT 3.8 element.order\): 10 bytes, bf16 of shape \[5\] "
            r"expected, 9 bytes, then the end found; the rest is equal",
            r"byte \d+: expected 0x.., the file ends there",
        ),
        (
            longer,
            r"the file, end at byte 0x\w+ \(FORMAT 1.5 file.trailing\): nothing expected, 1 bytes more found",
            r"1 bytes too many after byte \d+",
        ),
        (
            other,
            r"the file, count of entries at byte 0x0 \(FORMAT 2.1 entry.count\): 2 expected, 7 found; "
            "the rest is equal",
            "byte 0: expected 0x02, found 0x07",
        ),
    ],
    ids=["short", "long", "other"],
)
@pytest.mark.parametrize("most", [judging.MOST_EXPLAINED, 1])
def test_a_file_that_differs_names_the_place(
    job: Job[Any],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[bytes], bytes],
    explained: str,
    byte: str,
    most: int,
) -> None:
    """A file above the limit is not explained."""
    monkeypatch.setattr(judging, "MOST_EXPLAINED", most)
    job.artifact.write_bytes(change(job.expected_file.read_bytes()))
    verdict = judging.same_file(partial(encode_state_dict, job.entries), fields_of_state_dict, job.artifact)
    assert verdict.kind is Kind.BYTES
    assert re.fullmatch(byte if most == 1 else explained, verdict.detail)
