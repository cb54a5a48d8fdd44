"""Shards: a partition of the cases, which depends on nothing but them and the number of shards."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tscompat.catalogue import load_catalogue
from tscompat.matrix.cost import seconds_of
from tscompat.matrix.shards import Shard
from tscompat.results.file import Part
from tscompat.routes import verdict_ids

CASES = load_catalogue()


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_case_is_in_one_shard(of: int) -> None:
    parts = [Shard(number, of).cases(CASES) for number in range(1, of + 1)]
    assert sum(map(len, parts)) == len(CASES)
    assert frozenset[str]().union(*parts) == CASES.keys()


@pytest.mark.parametrize("run", ["default", "full"])
def test_each_run_is_balanced(run: str) -> None:
    times = [
        sum(seconds_of(case) for case in Shard(number, 3).cases(CASES) if CASES[case].run == run)
        for number in (1, 2, 3)
    ]
    assert max(times) - min(times) < 2


def test_the_order_of_the_cases_changes_nothing() -> None:
    backwards = dict(reversed(CASES.items()))
    assert Shard(2, 3).cases(backwards) == Shard(2, 3).cases(CASES)


@pytest.mark.parametrize("text", ["1/1", "2/5", "9999/9999"])
def test_a_shard_is_its_number_and_how_many_there_are(text: str) -> None:
    assert str(Shard.parse(text)) == text


@pytest.mark.parametrize("text", ["0/1", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", "1 /2", "01/2", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"found '{text}'; expected a shard and how many there are, like 2/5"):
        Shard.parse(text)


def test_results_state_their_part_of_the_whole() -> None:
    ids = list(verdict_ids(CASES))[:3]
    assert Shard(1, 2).part(ids) == Shard(1, 2).part(reversed(ids)) == Part.of("1/2", map(str, ids))
    assert Shard(1, 2).part(ids) != Shard(1, 2).part(ids[:2])


def test_the_partition_is_the_same_in_every_process() -> None:
    program = """if True:
        from tscompat.catalogue import load_catalogue
        from tscompat.matrix.shards import Shard
        print(sorted(Shard(2, 3).cases(load_catalogue())))"""
    command = [sys.executable, "-c", program]
    found = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{sorted(Shard(2, 3).cases(CASES))}\n".encode()}
