"""The routes of upstream's scripts, by doubles of the scripts and of the peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from doubles import FakePeer, MakeJob, transfer, with_peer
from tscompat import codec
from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.messages import Thrown
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES
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
    return bytearray(b"".join(bytes(memoryview(part)) for part in codec.encode_state_dict(torch_tensors.export(state))))


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
