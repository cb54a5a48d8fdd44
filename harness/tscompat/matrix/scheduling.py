"""How xdist deals out the items: a case at a time, so that its bits are made once. Imports nothing of ours."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # pyright: ignore[reportMissingTypeStubs]
from xdist.workermanage import WorkerController  # pyright: ignore[reportMissingTypeStubs]


class CaseScheduling(LoadScopeScheduling):
    """LoadScopeScheduling with the case as the scope, which does not run the item again at which a worker died."""

    def _split_scope(self, nodeid: str) -> str:
        """``test_matrix.py::test_verdict[route/direction/device/family/name/dtype/check]`` → ``family/name/dtype``."""
        return "/".join(nodeid.split("[", 1)[1].split("/")[3:-1])

    def _reschedule(self, node: WorkerController) -> None:
        """As upstream, but until the worker has three items or must end: it begins one only when it knows the next."""
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) <= 2:
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """As upstream, but the item that was running counts as done, and finished cases are not dealt out again."""
        workload = self.assigned_work[node]
        crashed: str | None = None
        for scope, unit in list(workload.items()):
            if crashed is None:
                crashed = next((nodeid for nodeid, completed in unit.items() if not completed), None)
                if crashed is not None:
                    unit[crashed] = True
            if all(unit.values()):
                del workload[scope]
        super().remove_node(node)
        return crashed
