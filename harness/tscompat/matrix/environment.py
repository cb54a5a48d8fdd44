"""What a run ran on, for results.json. May import resources, python_side, dotnet_side, results."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import distribution, version
from pathlib import Path

import msgspec
import psutil

from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.integrity import TORCHSHARP
from tscompat.python_side import torch_tensors
from tscompat.python_side.models import programs
from tscompat.python_side.scripts import Script
from tscompat.resources.suite import suite_digest
from tscompat.results.environment import Dotnet, Environment, Formats, Library, Patch


def environment(
    publish: Publish | None, peer_versions: Mapping[str, str], scripts: Mapping[str, Script], again: str = ""
) -> Environment:
    """What a run runs on. ``peer_versions`` is what a peer reports when it is ready; it is empty without .NET."""
    torchsharp = libtorch = libtorchsharp = dotnet = None
    if publish:
        torchsharp_version = peer_versions["torchsharp"] if publish.torchsharp_dll else publish.torchsharp
        torchsharp = Library(version=torchsharp_version, sha256=_sha256(publish.files[TORCHSHARP].sha256))
        libtorch = Library(version=publish.libtorch, sha256=_sha256(publish.libtorch_digest))
        libtorchsharp = _sha256(publish.libtorchsharp_digest)
        dotnet = Dotnet(
            version=peer_versions["dotnet"],
            libtorch_reported=peer_versions["libtorch_reported"],
            torchsharp_reported=peer_versions["torchsharp"],
            pybridge=peer_versions["pybridge"],
            rid=publish.rid,
            torchsharp_dll=publish.torchsharp_dll and publish.torchsharp_dll.name,
            native=publish.native and Path(publish.native.folder).name,
            device="cuda" if peer_versions["device"] == "cuda" else "cpu",
            patched=msgspec.convert(publish.patched, Patch | None),
        )
    return Environment(
        platform=f"{platform.system()}-{platform.machine()}".lower(),
        device=torch_tensors.accelerator() or "cpu",
        torch=Library(version=version("torch"), sha256=torch_digest()),
        torchsharp=torchsharp,
        libtorch=libtorch,
        libtorchsharp=libtorchsharp,
        scripts={name: script.digest for name, script in scripts.items()},
        system=platform.platform(),
        cpus=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        cuda=torch_tensors.cuda_version(),
        tscompat=version("torchsharp-compat"),
        suite=_sha256(suite_digest()),
        again=again,
        python=platform.python_version(),
        dotnet=dotnet,
        numpy=version("numpy"),
        safetensors=version("safetensors"),
        torchvision=version("torchvision"),
        torch_formats=Formats(**programs.format_versions()),
    )


def torch_digest() -> str:
    """The hash of the list of torch's files and their hashes in its package: the same wherever it is installed.

    A build from source has no such list, so this is the hash of an empty list; its version names the commit.
    """
    record = distribution("torch").read_text("RECORD") or ""
    own = sorted(line for line in record.splitlines() if line.startswith("torch/") and ",sha256=" in line)
    return f"sha256:{hashlib.sha256(chr(10).join(own).encode()).hexdigest()}"


def _sha256(digest: str) -> str:
    return f"sha256:{digest}"
