"""The routes of upstream's scripts, by doubles of the scripts on the real peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tscompat import codec
from tscompat.catalogue import load_catalogue, make
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import FUNCTIONS, Script
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.values.verdict import Kind, Verdict

Carry = Callable[..., Mapping[str, Verdict]]


@pytest.fixture
def carry(tmp_path: Path, keeper: PeerKeeper) -> Carry:
    """Carries a case on a route with this function as the script's."""

    def carry(route: str, case_id: str, function: Callable[..., Any]) -> Mapping[str, Verdict]:
        case = load_catalogue()[case_id]
        entries, expected_file, artifact = make(case), tmp_path / "expected.dat", tmp_path / "actual.dat"
        write_whole(expected_file, codec.encode_state_dict(entries))
        module: Any = SimpleNamespace(**dict.fromkeys(FUNCTIONS[ROUTES[route].script], function))
        job = Job(case, route, "cpu", "cpu", entries, expected_file, artifact, keeper, Script(tmp_path, "", module))
        (direction,) = ROUTES[route].directions.values()
        return direction(job)

    return carry


def kinds(verdicts: Mapping[str, Verdict]) -> dict[str, Kind]:
    return {check: verdict.kind for check, verdict in verdicts.items()}


def encoded(state: Mapping[str, Any]) -> bytearray:
    return bytearray(b"".join(bytes(memoryview(part)) for part in codec.encode_state_dict(torch_tensors.export(state))))


def read(stream: Any) -> dict[str, Any]:
    return {name: torch_tensors.to_torch(tensor) for name, tensor in codec.decode_state_dict(stream.read())}


def test_a_state_dict_written_well_passes(carry: Carry):
    verdicts = carry("exportsd", "role/both/bf16", lambda state, stream: stream.write(encoded(state)))
    assert kinds(verdicts) == {"bytes": "pass", "bits": "pass"}


def test_other_bits_are_a_difference_of_bytes_and_of_bits(carry: Carry):
    def write(state: Mapping[str, Any], stream: Any) -> None:
        data = encoded(state)
        data[-1] ^= 1
        stream.write(data)

    assert kinds(carry("exportsd", "role/both/bf16", write)) == {"bytes": "bytes", "bits": "bits"}


def test_a_tensor_written_well_passes(carry: Carry):
    def write(tensor: Any, file_name: str) -> None:
        write_whole(file_name, codec.encode_tensor(torch_tensors.from_torch(tensor)))

    assert kinds(carry("exportsd-tensor", "shape/rank-3/f32", write)) == {"bytes": "pass", "bits": "pass"}


def test_a_state_dict_read_well_passes(carry: Carry):
    assert kinds(carry("importsd", "role/both/bf16", read)) == {"bits": "pass", "order": "pass"}


def test_another_order_is_a_difference_of_order(carry: Carry):
    verdicts = carry("importsd", "order/numbers/f32", lambda stream: dict(reversed(read(stream).items())))
    assert kinds(verdicts) == {"bits": "pass", "order": "order"}


@pytest.mark.parametrize("route", ["exportsd", "exportsd-tensor", "importsd"])
def test_what_a_script_raises_is_a_refusal(carry: Carry, route: str):
    def fail(*_: Any) -> None:
        raise TypeError("Got unsupported ScalarType BFloat16\nframe #0")

    verdicts = carry(route, "pattern/random/f32", fail)
    assert set(verdicts.values()) == {Verdict(Kind.REFUSED, "TypeError: Got unsupported ScalarType BFloat16")}


def test_what_torchsharp_refuses_to_save_is_its_refusal(carry: Carry):
    verdict = carry("importsd", "layout/source/transposed/f32", read)["bits"]
    assert (verdict.kind, "non-contiguous" in verdict.detail) == (Kind.REFUSED, True)


def test_the_cases_of_a_full_run_are_left_out():
    case = replace(load_catalogue()["role/both/f32"], run="full")
    assert ROUTES["exportsd"].checks(case, "python-to-dotnet") == ()
