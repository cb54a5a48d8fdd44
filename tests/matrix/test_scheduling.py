"""How items are dealt out to workers that live and die."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.matrix.scheduling import MOST_PENDING, CaseScheduling

CASES = {"a": 3, "b": 4, "c": 2, "d": 5}
IDS = [
    f"test_matrix.py::test_verdict[dat/python-to-dotnet/cpu/family/{case}/bf16/check-{number}]"
    for case, count in CASES.items()
    for number in range(count)
]


class Node:
    """A worker as the scheduler sees it."""

    def __init__(self, name: str = "") -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[int] = []
        self.done: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def scheduling(workers: int) -> CaseScheduling:
    config: Any = SimpleNamespace(option=SimpleNamespace(tx=["popen"] * workers))
    return CaseScheduling(config)


def join(scheduler: CaseScheduling, name: str = "") -> Node:
    """Add a worker that has collected, and return it."""
    node: Any = Node(name)
    scheduler.add_node(node)
    scheduler.add_node_collection(node, IDS)
    if scheduler.collection_is_completed:
        scheduler.schedule()
    return node


def work(scheduler: CaseScheduling, node: Any, most: int = len(IDS)) -> None:
    """Do what a worker has been given, item by item."""
    while len(node.done) < len(node.given) and most:
        node.done.append(node.given[len(node.done)])
        scheduler.mark_test_complete(node, node.done[-1])
        most -= 1


def test_it_is_known_where_each_worker_is() -> None:
    scheduler = scheduling(2)
    workers = [join(scheduler, name) for name in ("gw0", "gw1")]
    work(scheduler, workers[0], 1)
    at = {name: IDS[worker.given[done]] for name, worker, done in zip(("gw0", "gw1"), workers, (1, 0), strict=True)}
    assert scheduler.at() == {name: nodeid.partition("[")[2].removesuffix("]") for name, nodeid in at.items()}
    for worker in (*workers, *workers):
        work(scheduler, worker)
    assert scheduler.at() == {}


def case(index: int) -> str:
    return IDS[index].split("/")[4]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_item_is_done_once(workers: int) -> None:
    scheduler = scheduling(workers)
    nodes = [join(scheduler) for _ in range(workers)]
    for _ in IDS:
        for node in nodes:
            work(scheduler, node, 1)
    assert sorted(index for node in nodes for index in node.done) == list(range(len(IDS)))


def test_a_case_stays_with_one_worker() -> None:
    scheduler = scheduling(2)
    nodes = [join(scheduler), join(scheduler)]
    for _ in IDS:
        for node in nodes:
            work(scheduler, node, 1)
    assert {case(index) for index in nodes[0].done}.isdisjoint({case(index) for index in nodes[1].done})


def test_cases_are_dealt_out_in_the_order_of_collection() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    work(scheduler, node)
    assert node.done == list(range(len(IDS)))


def test_a_worker_always_knows_the_next_item() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    while not node.shutting_down:
        assert len(node.given) - len(node.done) > MOST_PENDING
        work(scheduler, node, 1)


def test_nothing_is_dealt_out_before_all_have_collected() -> None:
    scheduler = scheduling(2)
    assert join(scheduler).given == []


def test_all_is_finished_when_all_is_done() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    work(scheduler, node)
    assert (scheduler.tests_finished, scheduler.has_pending, node.shutting_down) == (True, False, True)


def test_a_worker_without_a_case_is_ended() -> None:
    scheduler = scheduling(5)
    nodes = [join(scheduler) for _ in range(5)]
    without = [node for node in nodes if not node.given]
    assert [node.shutting_down for node in without] == [True] * (5 - 3)  # one gets "c" and "d": 2 items are too few


def died(scheduler: CaseScheduling, node: Any) -> str | None:
    node.shutting_down = True
    return scheduler.remove_node(node)


def test_the_item_at_which_a_worker_died_is_named() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    work(scheduler, node, 1)
    assert died(scheduler, node) == IDS[1]


def test_what_a_dead_worker_had_not_begun_goes_to_its_successor() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    work(scheduler, node, 1)
    died(scheduler, node)
    successor = join(scheduler)
    work(scheduler, successor)
    assert successor.done == list(range(2, len(IDS)))


def test_what_a_dead_worker_had_not_begun_goes_to_a_worker_that_lives() -> None:
    scheduler = scheduling(2)
    one, other = join(scheduler), join(scheduler)
    died(scheduler, one)
    work(scheduler, other)
    assert sorted(other.done) == list(range(1, len(IDS)))


def test_a_worker_that_was_done_died_at_nothing() -> None:
    scheduler = scheduling(1)
    node = join(scheduler)
    work(scheduler, node)
    assert died(scheduler, node) is None


def test_a_worker_that_was_never_there_is_an_error() -> None:
    stranger: Any = Node()
    with pytest.raises(KeyError):
        scheduling(1).remove_node(stranger)
