"""Deals out whole cases to xdist's workers, so that a case's bits are made once. Imports nothing of ours."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.workermanage import WorkerController  # pyright: ignore[reportMissingTypeStubs]

MOST_PENDING = 2
"""A worker with no more items than this left gets another case: it begins an item only once it knows the next one."""


class CaseScheduling:
    """A scheduler as ``xdist.scheduler.protocol`` describes it.

    The cases are dealt out in the order of collection, which is the same in all workers. An item at which a worker died
    counts as done; the items that it had not begun go to other workers.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._workers = len(config.option.tx)
        self._ids: Sequence[str] = ()
        self._cases: deque[list[int]] = deque()
        """The items of each case that no worker has yet. An item is an index into ``_ids``."""
        self._pending: dict[WorkerController, dict[int, None]] = {}
        """The items that each worker still has to do, in its order."""
        self._collected: set[WorkerController] = set()

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers that live."""
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        """Whether all workers that the run began with have collected."""
        return len(self._collected) >= self._workers

    @property
    def tests_finished(self) -> bool:
        """Whether every worker has its last item and may end."""
        return (
            self.collection_is_completed
            and not self._cases
            and all(len(pending) < MOST_PENDING for pending in self._pending.values())
        )

    @property
    def has_pending(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._cases) or any(self._pending.values())

    def at(self) -> dict[str, str]:
        """The verdict id at which each worker is, by the worker's name. May be called by another thread."""
        waiting: list[tuple[Any, dict[int, None]]] = [*self._pending.items()]
        first = [(node.gateway.id, [*pending][:1]) for node, pending in waiting]
        return {name: verdict_of(self._ids[item]) for name, items in first for item in items}

    def add_node(self, node: WorkerController) -> None:
        """Called when a worker has started, before it collects."""
        self._pending[node] = {}

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Called when a worker has collected."""
        self._ids = collection
        self._collected.add(node)

    def schedule(self) -> None:
        """Called when all workers have collected, and when one that replaces a dead one has: deal out cases."""
        if len(self._collected) == self._workers:
            self._cases.extend(self._by_case(range(len(self._ids))))
        self._deal_all()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Called when a worker has done an item: give it another case, if it has too few items left."""
        del self._pending[node][item_index]
        self._deal(node)

    def mark_test_pending(self, item: str) -> None:
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        raise NotImplementedError

    def remove_node(self, node: WorkerController) -> str | None:
        """Called when a worker has ended. Returns the id of the item at which it died, or None if it had none left.

        Raises KeyError for a worker that was never added.
        """
        died_at, *left = self._pending.pop(node) or (None,)
        self._cases.extendleft(reversed(self._by_case(left)))
        self._deal_all()
        return None if died_at is None else self._ids[died_at]

    def _deal_all(self) -> None:
        for node in self._pending:
            if node in self._collected:
                self._deal(node)

    def _deal(self, node: WorkerController) -> None:
        """Give a worker cases until it has enough items, and end it once no cases are left."""
        pending = self._pending[node]
        while self._cases and not node.shutting_down and len(pending) <= MOST_PENDING:
            case = self._cases.popleft()
            pending.update(dict.fromkeys(case))
            node.send_runtest_some(case)
        if not self._cases and not node.shutting_down:
            node.shutdown()

    def _by_case(self, items: Sequence[int]) -> list[list[int]]:
        """Group items by case."""
        cases: dict[str, list[int]] = {}
        for item in items:
            cases.setdefault(case_of(self._ids[item]), []).append(item)
        return list(cases.values())


def verdict_of(nodeid: str) -> str:
    """``test_matrix.py::test_verdict[ID]`` → ``ID``."""
    return nodeid.partition("[")[2].removesuffix("]")


def case_of(nodeid: str) -> str:
    """``test_matrix.py::test_verdict[route/direction/device/family/name/dtype/check]`` → ``family/name/dtype``."""
    return nodeid.split("/", 3)[3].rsplit("/", 1)[0]
