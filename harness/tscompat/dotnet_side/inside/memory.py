"""How much memory this process may map, and how much it has taken. Imports nothing of ours."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def limited(more: int) -> Generator[None]:
    """Let this process map only so many bytes more. Only Linux does: elsewhere the peer's own limit is all.

    It does not hold for .NET's heap, whose addresses are mapped from the beginning.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Peak:
    """The bytes by which this process has grown at most since this was made; outside Linux, by which it has now."""

    def __init__(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError):  # where it is forbidden, only a new maximum is seen
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): the peak begins anew
        self._before = _most()

    def bytes(self) -> int:
        """How many."""
        return _most() - self._before


def _most() -> int:
    if sys.platform != "linux":
        return psutil.Process().memory_info().rss
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
