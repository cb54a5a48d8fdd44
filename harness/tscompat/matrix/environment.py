"""What a run ran on, for results.json. May import torch_side, peer, upstream."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import psutil

from tscompat import torch_side
from tscompat.peer.build import Publish
from tscompat.upstream import Script


def environment(publish: Publish, peer_versions: dict[str, str], scripts: Mapping[str, Script]) -> dict[str, Any]:
    """Versions and the machine, without anything that names the person or a folder."""
    return {
        "tscompat": version("torchsharp-compat"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "torch": torch_side.VERSION,
        "numpy": version("numpy"),
        "cuda": torch_side.cuda_version(),
        "torchsharp": publish.torchsharp,
        "libtorch": publish.libtorch,
        "pybridge": publish.pybridge,
        "rid": publish.rid,
        "patched": publish.patched,
        **peer_versions,
        "scripts": {name: script.digest for name, script in scripts.items()},
    }
