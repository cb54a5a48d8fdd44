"""How much memory this process and those that it starts may take: the machine's, or its container's. Imports nothing
of ours.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux states a container's limit, by the version of its cgroups: bytes, or ``max``."""


def total_memory() -> int:
    """Bytes of memory. Beyond a container's limit Linux ends a process, whatever the machine has."""
    limits = [psutil.virtual_memory().total]
    for file in LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(file.read_text(encoding="ascii")))
    return min(limits)


def available_memory() -> int:
    """Bytes that can be had at once: at most a container's limit."""
    return min(psutil.virtual_memory().available, total_memory())
