"""The routes of upstream's scripts, by doubles of the scripts and of the peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from doubles import FakePeer, MakeJob, transfer, with_peer
from honest_peer import HonestPeer
from tscompat import codec
from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.messages import Load, Save, Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job, dotnet_half
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.routes.scripts import IMPORTED
from tscompat.values.verdict import Kind, Verdict

BothHalves = Callable[[str, str, Callable[..., Any]], Mapping[str, Verdict]]


@pytest.fixture
def by_script(make_job: MakeJob, tmp_path: Path) -> BothHalves:
    """Transfers a case on a route with this function in place of each function of the script."""

    def by_script(route: str, case_id: str, function: Callable[..., Any]) -> Mapping[str, Verdict]:
        module: Any = SimpleNamespace(**dict.fromkeys(FUNCTIONS[ROUTES[route].script], function))
        (direction,) = ROUTES[route].directions
        return transfer(make_job(case_id, route, script=Script(tmp_path, "", module)), route, direction).verdicts

    return by_script


def kinds(verdicts: Mapping[str, Verdict]) -> dict[str, Kind]:
    return {check: verdict.kind for check, verdict in verdicts.items()}


def encoded(state: Mapping[str, Any]) -> bytearray:
    return bytearray(b"".join(codec.encode_state_dict(torch_tensors.export(state))))


def read(stream: BinaryIO) -> dict[str, Any]:
    return {name: torch_tensors.to_torch(tensor) for name, tensor in codec.decode_state_dict(stream.read())}


def test_a_state_dict_written_well_passes(by_script: BothHalves) -> None:
    def write(state: Mapping[str, Any], stream: BinaryIO) -> None:
        stream.write(encoded(state))

    assert kinds(by_script("exportsd", "role/both/bf16", write)) == {"bytes": "pass", "bits": "pass"}


def test_other_bits_are_a_difference_of_bytes_and_of_bits(by_script: BothHalves) -> None:
    def write(state: Mapping[str, Any], stream: BinaryIO) -> None:
        data = encoded(state)
        data[-1] ^= 1
        stream.write(data)

    assert kinds(by_script("exportsd", "role/both/bf16", write)) == {"bytes": "bytes", "bits": "bits"}


def test_a_file_with_other_names_is_not_loaded_without_strict(make_job: MakeJob, tmp_path: Path) -> None:
    def write(state: Mapping[str, Any], stream: BinaryIO) -> None:
        stream.write(encoded({f"{name}s": tensor for name, tensor in state.items()}))

    module: Any = SimpleNamespace(**dict.fromkeys(FUNCTIONS["exportsd"], write))
    refusing = FakePeer(lambda call: Thrown("System.ArgumentException", "Mismatched module state names: no"))
    job = make_job("role/both/bf16", "exportsd", peer=refusing, script=Script(tmp_path, "", module))
    assert kinds(transfer(job, "exportsd", PYTHON_TO_DOTNET).verdicts) == {"bytes": "bytes", "bits": "refused"}
    assert len(refusing.calls) == 1


def test_a_tensor_written_well_passes(by_script: BothHalves) -> None:
    def write(tensor: Any, file_name: str) -> None:
        write_whole(file_name, codec.encode_tensor(torch_tensors.from_torch(tensor)))

    assert kinds(by_script("exportsd-tensor", "shape/rank-3/f32", write)) == {"bytes": "pass", "bits": "pass"}


def test_a_state_dict_read_well_passes(by_script: BothHalves) -> None:
    assert kinds(by_script("importsd", "role/both/bf16", read)) == {"bits": "pass", "order": "pass"}


def test_another_order_is_a_difference_of_order(by_script: BothHalves) -> None:
    def backwards(stream: BinaryIO) -> dict[str, Any]:
        return dict(reversed(read(stream).items()))

    assert kinds(by_script("importsd", "order/numbers/f32", backwards)) == {"bits": "pass", "order": "order"}


@pytest.mark.parametrize("route", ["exportsd", "exportsd-tensor", "importsd"])
def test_what_a_script_raises_is_a_refusal(by_script: BothHalves, route: str) -> None:
    def fail(*_: Any) -> None:
        raise TypeError("Got unsupported ScalarType BFloat16\nframe #0")

    verdicts = by_script(route, "pattern/random/f32", fail)
    assert set(verdicts.values()) == {Verdict(Kind.REFUSED, "TypeError: Got unsupported ScalarType BFloat16")}


def test_what_torchsharp_refuses_to_save_is_its_refusal(make_job: MakeJob) -> None:
    job = with_peer(make_job("role/both/bf16", "importsd"), lambda call: Thrown("System.Exception", "no"))
    verdicts = transfer(job, "importsd", DOTNET_TO_PYTHON).verdicts
    assert verdicts == dict.fromkeys(IMPORTED, Verdict(Kind.REFUSED, "System.Exception: no"))


def test_the_cases_of_a_full_run_are_left_out() -> None:
    case = replace(load_catalogue()["role/both/f32"], run="full")
    assert ROUTES["exportsd"].checks_of(case, "python-to-dotnet") == ()


def test_a_model_that_one_side_alone_has_is_left_out() -> None:
    case = next(case for case in load_catalogue().values() if getattr(case.subject, "only", None))
    assert ROUTES["exportsd"].checks_of(case, PYTHON_TO_DOTNET) == ()


@pytest.mark.parametrize(("route", "checks"), [("exportsd", ("bytes", "bits")), ("importsd", ("bits", "order"))])
def test_a_case_of_a_default_run_has_these_checks(route: str, checks: tuple[str, ...]) -> None:
    for case_id in ("role/both/f32", "layer/linear/default/f32"):
        (direction,) = ROUTES[route].directions
        assert ROUTES[route].checks_of(load_catalogue()[case_id], direction) == checks


def test_a_job_without_a_script_is_an_error_that_names_the_case(make_job: MakeJob) -> None:
    with pytest.raises(ValueError, match=r"role/both/bf16: the route needs a script, and the job has none"):
        transfer(make_job("role/both/bf16", "exportsd"), "exportsd", PYTHON_TO_DOTNET)


def scripted(make_job: MakeJob, tmp_path: Path, route: str, case_id: str, function: Callable[..., Any]) -> Job[Any]:
    """The job of a case, with this function in place of each of the script's."""
    module: Any = SimpleNamespace(**dict.fromkeys(FUNCTIONS[ROUTES[route].script], function))
    return make_job(case_id, route, script=Script(tmp_path, "", module))


def write_well(state: Mapping[str, Any], stream: BinaryIO) -> None:
    stream.write(encoded(state))


def write_tensor(tensor: Any, file_name: str) -> None:
    write_whole(file_name, codec.encode_tensor(torch_tensors.from_torch(tensor)))


def fail(*_: Any) -> None:
    raise TypeError("no")


ALL = [
    ("exportsd", "role/both/bf16", write_well),
    ("exportsd-tensor", "shape/rank-3/f32", write_tensor),
    ("importsd", "role/both/bf16", read),
]


@pytest.mark.parametrize(("route", "case_id", "function"), ALL)
def test_a_transfer_gives_the_artifact(
    make_job: MakeJob, tmp_path: Path, route: str, case_id: str, function: Callable[..., Any]
) -> None:
    (direction,) = ROUTES[route].directions
    for each in (function, fail):
        job = scripted(make_job, tmp_path, route, case_id, each)
        assert transfer(job, route, direction).artifact == job.artifact
    refusing = with_peer(job, lambda call: Thrown("System.Exception", "no"))  # pyright: ignore
    assert transfer(refusing, route, direction).artifact == job.artifact


@pytest.mark.parametrize(("route", "case_id", "function"), ALL)
def test_only_a_route_of_modules_asks_for_a_module(
    make_job: MakeJob, tmp_path: Path, route: str, case_id: str, function: Callable[..., Any]
) -> None:
    (direction,) = ROUTES[route].directions
    job = scripted(make_job, tmp_path, route, case_id, function)
    transfer(job, route, direction)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, Load | Save)
    assert call.module == (None if route == "exportsd-tensor" else dotnet_half.bag(job))


def test_dotnet_registers_its_tensors_in_the_order_of_the_case(make_job: MakeJob, tmp_path: Path) -> None:
    job = scripted(make_job, tmp_path, "exportsd", "order/target-reversed/f32", write_well)
    transfer(job, "exportsd", PYTHON_TO_DOTNET)
    assert isinstance(job.peer, HonestPeer)
    (call,) = job.peer.calls
    assert isinstance(call, Load)
    assert call.module == dotnet_half.bag(job, reverse=True)


def test_a_good_file_with_other_names_than_dotnets_is_loaded_without_strict_too(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = scripted(make_job, tmp_path, "exportsd", "role/both/bf16", write_well)
    refusing = FakePeer(lambda call: Thrown("System.ArgumentException", "Mismatched module state names: no"))
    transfer(replace(job, peer=refusing), "exportsd", PYTHON_TO_DOTNET)
    assert [call.strict for call in refusing.calls if isinstance(call, Load)] == [True, False]


def test_dotnet_saves_in_the_layout_of_the_case(make_job: MakeJob, tmp_path: Path) -> None:
    for case_id, layout in (("layout/source/transposed/f32", "transposed"), ("layer/linear/default/f32", "contiguous")):
        job = scripted(make_job, tmp_path, "importsd", case_id, read)
        transfer(job, "importsd", DOTNET_TO_PYTHON)
        assert isinstance(job.peer, HonestPeer)
        (call,) = job.peer.calls
        assert isinstance(call, Save)
        assert call.placement.layout == layout


@pytest.mark.parametrize(("route", "case_id", "function"), [ALL[0], ALL[2]])
def test_pythons_half_lies_on_its_device(
    make_job: MakeJob, tmp_path: Path, route: str, case_id: str, function: Callable[..., Any]
) -> None:
    """torch's device ``meta`` holds no numbers, and so none can be read from it."""
    (direction,) = ROUTES[route].directions
    whose = "writer_device" if direction == PYTHON_TO_DOTNET else "reader_device"
    job: Job[Any] = replace(scripted(make_job, tmp_path, route, case_id, function), **{whose: "meta"})
    try:
        refused = transfer(job, route, direction).verdicts["bits"].detail
    except RuntimeError as error:
        refused = str(error)
    assert "meta" in refused


def test_other_bits_that_a_script_reads_are_a_difference(by_script: BothHalves) -> None:
    def other(stream: BinaryIO) -> dict[str, Any]:
        return {name: -tensor for name, tensor in read(stream).items()}

    assert kinds(by_script("importsd", "role/both/bf16", other)) == {"bits": "bits", "order": "pass"}
