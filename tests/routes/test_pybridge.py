"""The overloads of PyBridge: the real peer passes, a lying one is found out, a file that Python cannot read is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tscompat.catalogue import load_catalogue, make
from tscompat.codec import encode_state_dict
from tscompat.dotnet_side.process import PeerBroken, PeerKeeper
from tscompat.python_side import torch_tensors
from tscompat.resources.documents import read_document
from tscompat.resources.folders import data_folder
from tscompat.resources.whole import write_whole
from tscompat.routes import ROUTES, Job
from tscompat.routes.pickled import PICKLED
from tscompat.routes.pybridge import write_pickle, write_safetensors, write_shards
from tscompat.routes.route import DOTNET_TO_PYTHON, PYTHON_TO_DOTNET
from tscompat.values.tensors import PLAIN, Quantizer
from tscompat.values.verdict import Kind

CASES = load_catalogue()
CASE = CASES["role/both/bf16"]
QUANTIZED = CASES["quantized/per-tensor/qi8"]
JOURNEYS = [
    (name, direction)
    for name, route in ROUTES.items()
    if name.startswith("pybridge-") and name in CASE.routes
    for direction in route.directions
]
BOTH_WAYS = ["pybridge-pickle", "pybridge-safetensors"]


class Fake:
    """Stands for a keeper whose peer answers everything with the same words."""

    def __init__(self, answer: dict[str, Any], act: Callable[[dict[str, Any]], None] = lambda told: None) -> None:
        self.answer = {"seconds": 0.0, **answer}
        self.act = act

    def call(self, name: str, deadline: float, **told: Any) -> dict[str, Any]:
        self.act(told)
        return self.answer


def job_of(case_id: str, route: str, folder: Path, peer: Any) -> Job:
    case = CASES[case_id]
    entries = make(case)
    write_whole(folder / "expected.dat", encode_state_dict(entries))
    return Job(case, route, "cpu", "cpu", entries, folder / "expected.dat", folder / "actual", peer)


@pytest.mark.parametrize(("route", "direction"), JOURNEYS)
def test_the_real_peer_passes(tmp_path: Path, keeper: PeerKeeper, route: str, direction: str):
    verdicts = ROUTES[route].directions[direction](job_of(CASE.id, route, tmp_path, keeper))
    assert {verdicts[check].kind for check in ROUTES[route].checks(CASE, direction)} == {Kind.PASS}


@pytest.mark.parametrize("route", [name for name, direction in JOURNEYS if direction == PYTHON_TO_DOTNET])
def test_a_peer_that_says_yes_to_everything_is_found_out(tmp_path: Path, route: str):
    liar = Fake({"differences": [], "digest": "", "quantizer": None})
    with pytest.raises(PeerBroken, match="its digest is not that of the case's bits"):
        ROUTES[route].directions[PYTHON_TO_DOTNET](job_of(CASE.id, route, tmp_path, liar))


@pytest.mark.parametrize("route", BOTH_WAYS)
def test_a_file_that_python_cannot_read_is_a_difference_of_bytes(tmp_path: Path, route: str):
    peer = Fake({"saved": True}, lambda told: Path(told["artifact"]).write_bytes(b"\x0f" * 100))
    verdict = ROUTES[route].directions[DOTNET_TO_PYTHON](job_of(CASE.id, route, tmp_path, peer))["bits"]
    assert (verdict.kind, verdict.detail[:10]) == (Kind.BYTES, "unreadable")


def test_entries_in_another_order_are_told(tmp_path: Path):
    def save(told: dict[str, Any]) -> None:
        state = torch_tensors.source(CASE, make(CASE))
        write_pickle(dict(reversed(state.items())), Path(told["artifact"]))

    peer = Fake({"saved": True}, save)
    verdicts = ROUTES["pybridge-pickle"].directions[DOTNET_TO_PYTHON](
        job_of(CASE.id, "pybridge-pickle", tmp_path, peer)
    )
    assert (verdicts["bits"].kind, verdicts["order"].kind) == (Kind.PASS, Kind.ORDER)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(
    ("saved", "kind"), [(QUANTIZED.quantizer, Kind.PASS), (PLAIN, Kind.BITS)], ids=["the-same", "another"]
)
def test_the_quantizer_in_the_file_is_judged(tmp_path: Path, saved: Quantizer, kind: Kind):
    """PyBridge 1.4.4 saves none."""

    def save(told: dict[str, Any]) -> None:
        state = torch_tensors.source(replace(QUANTIZED, quantizer=saved), make(QUANTIZED))
        write_pickle(state, Path(told["artifact"]))

    job = job_of(QUANTIZED.id, "pybridge-pickle", tmp_path, Fake({"saved": True}, save))
    assert ROUTES[job.route].directions[DOTNET_TO_PYTHON](job)["quantizer"].kind is kind


@pytest.mark.parametrize(
    ("route", "case_id", "direction", "checks"),
    [
        ("pybridge-pickle", "pickle/ordered/f32", DOTNET_TO_PYTHON, ()),
        ("pybridge-pickle", "quantized/per-tensor/qi8", PYTHON_TO_DOTNET, ("bits", "quantizer")),
    ],
)
def test_what_has_no_meaning_is_not_checked(route: str, case_id: str, direction: str, checks: tuple[str, ...]):
    assert ROUTES[route].checks(CASES[case_id], direction) == checks


def test_shards_are_two_files_and_an_index(tmp_path: Path):
    state = torch_tensors.source(CASE, make(CASE))
    write_shards(write_safetensors, "model.safetensors", state, tmp_path / "shards")
    index = json.loads((tmp_path / "shards" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    shards = (tmp_path / "shards").glob("*.safetensors")
    found = {name: file.name for file in shards for name in safetensors.torch.load_file(file)}
    assert (found, len(set(found.values()))) == (index["weight_map"], 2)


def test_the_schema_of_families_names_every_way_to_pickle():
    schema = read_document(data_folder("cases") / "family.schema.json", ValueError)
    assert set(schema["$defs"]["case"]["properties"]["pickled"]["enum"]) == set(PICKLED)


def storages(way: str) -> set[tuple[int, int]]:
    """Of two tensors of five elements, the address of each one's storage and its size in elements."""
    made = PICKLED[way]({"one": torch.zeros(5), "two": torch.zeros(5)})
    return {(each.untyped_storage().data_ptr(), each.untyped_storage().nbytes() // 4) for each in made.values()}


def test_a_tied_tensor_has_the_storage_of_the_other():
    assert [size for _, size in storages("tied")] == [5]


def test_all_tensors_are_parts_of_one_storage():
    assert [size for _, size in storages("one-storage")] == [10]


def test_a_roomy_storage_is_larger_than_its_tensor():
    assert [size for _, size in storages("roomy-storage")] == [10, 10]


def test_what_a_state_dict_gives_has_metadata():
    assert hasattr(PICKLED["metadata"]({"one": torch.zeros(1)}), "_metadata")
