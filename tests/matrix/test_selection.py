"""Which verdicts a run decides, and in which order."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.catalogue import load_catalogue
from tscompat.matrix.cost import seconds_of
from tscompat.matrix.selection import Selection, select
from tscompat.python_side import torch_tensors
from tscompat.python_side.scripts import FUNCTIONS
from tscompat.routes import verdict_ids

CASES = load_catalogue()


def selected(
    expression: str = "", run: str = "default", dotnet_device: str | None = "cpu", **options: Any
) -> Selection:
    values: dict[str, Any] = {
        "keyword": expression,
        "tscompat_route": [],
        "tscompat_device": [],
        "tscompat_run": run,
        "tscompat_shard": "",
        **{f"tscompat_{name}": "" for name in FUNCTIONS},
        **options,
    }
    config: Any = SimpleNamespace(option=SimpleNamespace(**values), getoption=values.__getitem__)
    return select(config, dotnet_device)


@pytest.mark.parametrize("run", ["default", "full"])
def test_no_other_run_takes_a_large_case(run: str) -> None:
    assert "large" not in {each.case.split("/")[0] for each in selected(run=run).ids}


def test_a_large_run_takes_nothing_else() -> None:
    assert {each.case.split("/")[0] for each in selected(run="large").ids} == {"large"}


def test_a_full_run_takes_all_that_is_not_large() -> None:
    full = selected(run="full")
    assert {*full.ids, *full.not_run} == {each for each in verdict_ids(CASES) if CASES[each.case].run != "large"}


def test_nothing_is_both_decided_and_not_run() -> None:
    assert selected().not_run.keys().isdisjoint(selected().ids)


def test_without_its_path_a_script_is_not_run() -> None:
    without_path = selected(tscompat_route=["exportsd"], tscompat_device=["cpu"])
    assert set(without_path.not_run.values()) == {"no path to exportsd.py"}


def test_with_its_path_a_script_is_run() -> None:
    with_path = selected(tscompat_route=["exportsd"], tscompat_device=["cpu"], tscompat_exportsd="exportsd.py")
    assert {each.route for each in with_path.ids} == {"exportsd"}


@pytest.mark.skipif(torch_tensors.cuda_version() is not None, reason="there is a CUDA device")
def test_without_a_device_its_verdicts_are_not_run() -> None:
    assert set(selected(tscompat_route=["dat"], tscompat_device=["cuda"]).not_run.values()) == {"no CUDA device"}


@pytest.mark.parametrize(("dotnet_device", "runs"), [("cpu", {"cpu-cuda"}), ("cuda", {"cpu-cuda", "cuda-cpu", "cuda"})])
def test_with_a_device_what_dotnet_does_there_takes_a_libtorch_for_it(
    dotnet_device: str, runs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_tensors, "cuda_version", lambda: "13.0")
    route, devices = ["dat"], ["cuda", "cuda-cpu", "cpu-cuda"]
    found = selected("dotnet-to-python", "default", dotnet_device, tscompat_route=route, tscompat_device=devices)
    assert {each.device for each in found.ids} == runs


def test_without_dotnet_what_only_dotnet_writes_is_not_run() -> None:
    without = selected(tscompat_route=["dat"], tscompat_device=["cpu"], dotnet_device=None)
    assert {each.direction for each in without.not_run} == {"dotnet-to-python"}


def test_without_dotnet_a_cuda_device_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_tensors, "cuda_version", lambda: "12.8")
    without = selected("pattern/random", tscompat_route=["dat"], tscompat_device=["cuda"], dotnet_device=None)
    assert {each.direction for each in without.ids} == {"python-to-dotnet"}


def test_the_verdicts_of_a_case_follow_each_other() -> None:
    runs = [case for case, _ in groupby(selected().ids, key=lambda each: each.case)]
    assert len(runs) == len(set(runs))


def test_the_order_changes_nothing_else() -> None:
    ids = selected("pattern/ or program/").ids
    assert sorted(ids) == sorted(each for each in verdict_ids(CASES) if each in set(ids))


def test_what_takes_long_comes_first() -> None:
    cases = list(dict.fromkeys(each.case for each in selected("dat/ and cpu/ and (count/ or arch/ or role/)").ids))
    seconds = [int(seconds_of(case)) for case in cases]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] >= 1


def test_small_cases_keep_the_order_of_their_files() -> None:
    cases = list(dict.fromkeys(each.case for each in selected("role/").ids))
    assert cases == [case for case in CASES if case in set(cases)]


def test_the_shards_of_a_run_are_the_run() -> None:
    of_dat: dict[str, Any] = {"tscompat_route": ["dat"]}
    whole = selected("shape/", **of_dat)
    parts = [selected("shape/", tscompat_shard=f"{number}/3", **of_dat) for number in (1, 2, 3)]
    assert sorted(each for part in parts for each in part.ids) == sorted(whole.ids)
    assert sorted(each for part in parts for each in part.not_run) == sorted(whole.not_run)
    assert [part.part and part.part.shard for part in parts] == ["1/3", "2/3", "3/3"]
    assert len({part.part and part.part.whole for part in parts}) == 1
    assert whole.part is None


def test_a_shard_of_little_may_be_empty() -> None:
    sizes = [len(selected("pattern/random/f32", tscompat_shard=f"{number}/2").ids) for number in (1, 2)]
    assert min(sizes) == 0 < max(sizes)


def test_an_unknown_route_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="unknown route 'dot'; there are dat, "):
        selected(tscompat_route=["dot"])


def test_where_nothing_is_selected_the_nearest_ids_are_named() -> None:
    words = r"nothing is selected by -k 'identty'; the nearest ids are\n  dat/.*/pattern/identity/(.*\n){2}"
    with pytest.raises(pytest.UsageError, match=words):
        selected("identty")


@pytest.mark.parametrize(
    ("expression", "run", "words"),
    [
        ("arch/vgg13/f32/forward", "default", r"a full run has [1-9][0-9]* that match: add --full"),
        ("shape/0-d/f32", "large", r"a default run has [1-9][0-9]* that match: leave out --large"),
        ("file-above", "full", r"a large run has [1-9][0-9]* that match: add --large"),
    ],
)
def test_where_another_run_has_what_is_selected_it_is_named(expression: str, run: str, words: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"nothing is selected by -k '{expression}'; {words}"):
        selected(expression, run)


@pytest.mark.parametrize("expression", ["", "identity"])
def test_where_the_options_leave_nothing_they_are_named(expression: str) -> None:
    words = "no case of a default run has a verdict of --route=export-aoti --device=cuda"
    with pytest.raises(pytest.UsageError, match=words):
        selected(expression, tscompat_route=["export-aoti"], tscompat_device=["cuda"])


@pytest.mark.parametrize(("run", "taken"), [("default", False), ("full", True)])
def test_only_a_full_run_takes_the_full_routes_of_a_case(run: str, taken: bool) -> None:
    resnet = selected("arch/resnet50/f32", run, tscompat_route=["pybridge-pickle", "dat"])
    assert ("pybridge-pickle" in {each.route for each in resnet.ids}) is taken
