"""What a run ran on, for results.json. May import torch_side, models, peer, upstream."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import psutil

from tscompat.dotnet_side.build import Publish
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import programs
from tscompat.python_side.scripts import Script


def running(publish: Publish, scripts: Mapping[str, Script]) -> list[str]:
    """What takes part, each with its version, as the divergences name it."""
    versions = {
        **{name: script.digest for name, script in scripts.items()},
        "TorchSharp.PyBridge": publish.pybridge,
        **{name: ".".join(version(name).split(".")[:2]) for name in ("safetensors", "torch")},
        "TorchSharp": publish.torchsharp,
        "libtorch": publish.libtorch,
    }
    return [f"{name} {version}" for name, version in versions.items()]


def environment(publish: Publish, peer_versions: dict[str, str], scripts: Mapping[str, Script]) -> dict[str, Any]:
    """Versions and the machine, without anything that names the person or a folder."""
    return {
        "tscompat": version("torchsharp-compat"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "torch": torch_tensors.VERSION,
        "torch_formats": programs.format_versions(),
        "numpy": version("numpy"),
        "safetensors": version("safetensors"),
        "cuda": torch_tensors.cuda_version(),
        "torchsharp": publish.torchsharp,
        "libtorch": publish.libtorch,
        "pybridge": publish.pybridge,
        "rid": publish.rid,
        "patched": publish.patched,
        **peer_versions,
        "scripts": {name: script.digest for name, script in scripts.items()},
    }
