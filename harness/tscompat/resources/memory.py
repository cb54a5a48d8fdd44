"""How much memory this process and those that it starts may take: the machine's, or its container's. Imports nothing
of ours.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
"""Which groups this process is in, a line each: number, controllers (none in version 2), path."""


def _limits() -> Iterator[Path]:
    """The files in which Linux states a limit, as bytes or ``max``: of the process's groups and those above them."""
    with suppress(OSError):
        for line in OWN.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            top, name = (CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (CGROUPS, "memory.max")
            own = top / path.lstrip("/")
            yield from (folder / name for folder in (own, *own.parents) if folder.is_relative_to(top))


def total_memory() -> int:
    """Bytes of memory. Beyond a container's limit Linux ends a process, whatever the machine has."""
    limits = [psutil.virtual_memory().total]
    for file in _limits():
        with suppress(OSError, ValueError):
            limits.append(int(file.read_text(encoding="ascii")))
    return min(limits)


def available_memory() -> int:
    """Bytes that can be had at once: at most a container's limit."""
    return min(psutil.virtual_memory().available, total_memory())


@contextmanager
def without_collection() -> Generator[None]:
    """Do not search for garbage in the block, which makes many objects that stay: each search would look at all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
