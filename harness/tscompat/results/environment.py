"""What a run ran on, and the key by which its records name it. Imports nothing of ours.

Every field of these classes stands in results.json under its own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Sha256 = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class Library(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A library under test."""

    version: str
    sha256: Sha256
    """For TorchSharp, the hash of TorchSharp.dll. For libtorch, of its library libtorch_cpu (on Windows torch_cpu.dll).
    For torch, of the list of files and their hashes in its package."""


class Patch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was changed in our copy of a library, so that it loads on this machine."""

    file: str
    versions: tuple[str, ...]
    """The symbol versions that the machine lacks and that are optional now."""
    unused_symbols: tuple[str, ...]
    """The symbols of these versions; no relocation refers to them."""
    original_sha256: str
    patched_sha256: str


class Formats(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The versions of the file formats that this torch writes."""

    torchscript_operators: str
    """The newest version of TorchScript's operators. A file has the lowest version that its operators need."""
    export_schema: str
    """The version of torch.export's schema: major.minor."""


class Dotnet(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The .NET side of a run: the facts that are not part of the environment's key."""

    version: str
    """The version of the .NET runtime."""
    libtorch_reported: str
    """The version that the loaded libtorch reports of itself."""
    torchsharp_reported: str
    """The version that the loaded TorchSharp.dll reports of itself. The package may have another; then it is the
    package's that ``torchsharp`` has and that divergences go by, unless ``torchsharp_dll`` took the package's place."""
    pybridge: str
    rid: str
    """.NET's name for the platform: linux-x64."""
    torchsharp_dll: str | None
    """The name of the file that ``--torchsharp-dll`` gave; ``torchsharp`` has its hash. Null for the package's
    TorchSharp.dll."""
    native: str | None
    """The name of the folder that ``--native`` gave, from which come LibTorchSharp and libtorch. Null for the
    packages'."""
    device: Literal["cpu", "cuda"]
    """cuda where this libtorch finds a CUDA device."""
    patched: Patch | None
    """Null where TorchSharp loads unchanged."""


class Environment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a run ran on, without anything that names a person or, but for ``again``, a folder.

    The key of an environment is a hash of its fields from ``platform`` to ``scripts``; the others are for people.
    """

    platform: str
    """Operating system and processor: linux-x86_64."""
    device: str
    """cpu, or the name of the accelerator that torch sees."""
    torch: Library
    torchsharp: Library | None
    """Null in a run without .NET, and so are libtorch and libtorchsharp."""
    libtorch: Library | None
    libtorchsharp: Sha256 | None
    """TorchSharp's native library, as it came."""
    scripts: dict[str, Sha256]
    """Upstream's scripts that were tested, by name: the hash of the script's text with LF line ends."""
    system: str
    """The operating system with its version."""
    cpus: int
    memory_bytes: int
    cuda: str | None
    """The CUDA version that torch uses; null without a device."""
    tscompat: str
    suite: Sha256
    """Of the suite's own code and cases."""
    again: str
    """The command that starts a run of this kind with these versions and scripts; ``-k ID`` makes it one of a single
    verdict."""
    python: str
    dotnet: Dotnet | None
    """Null in a run without .NET."""
    numpy: str
    safetensors: str
    torchvision: str
    torch_formats: Formats

    @property
    def running(self) -> list[str]:
        """The packages and scripts with their versions, as divergences name them; without .NET, none of its own."""
        versions = {
            **self.scripts,
            **{
                name: ".".join(version.split(".")[:2])
                for name, version in (("safetensors", self.safetensors), ("torch", self.torch.version))
            },
        }
        if self.dotnet and self.torchsharp and self.libtorch:
            versions |= {
                "TorchSharp.PyBridge": self.dotnet.pybridge,
                "TorchSharp": self.torchsharp.version.partition("+")[0],  # behind it comes what orders no version
                "libtorch": self.libtorch.version,
            }
        return [f"{name} {version}" for name, version in versions.items()]

    def differs(self, other: Environment) -> str:
        """Which facts that are not in the key let the suite decide otherwise, with both values; empty where none do."""
        ours, theirs = (
            {
                "torchsharp-compat": each.tscompat,
                "suite": each.suite[:15],
                "Python": each.python,
                "TorchSharp.PyBridge": each.dotnet and each.dotnet.pybridge,
                ".NET": each.dotnet and each.dotnet.version,
                "numpy": each.numpy,
                "safetensors": each.safetensors,
                "torchvision": each.torchvision,
            }
            for each in (self, other)
        )
        return ", ".join(f"{name} {fact} and {theirs[name]}" for name, fact in ours.items() if fact != theirs[name])

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits of a hash of the fields from ``platform`` to ``scripts``."""
        identity = [
            self.platform,
            self.device,
            self.torch,
            self.torchsharp,
            self.libtorch,
            self.libtorchsharp,
            self.scripts,
        ]
        return hashlib.sha256(msgspec.json.encode(identity, order="deterministic")).hexdigest()[:12]


def names_of(environments: Mapping[str, Environment]) -> dict[str, str]:
    """A name for each environment, by key: what differs between them."""
    facts = {key: facts_of(each) for key, each in environments.items()}
    differing = [each for each in zip(*facts.values(), strict=True) if len({*each}) > 1]
    names = dict(zip(facts, map(", ".join, zip(*differing, strict=True)), strict=True)) if differing else {}
    distinct = len({*names.values()}) == len(environments)
    return names if distinct else {key: f"{names.get(key, 'environment')} ({key})" for key in environments}


def facts_of(environment: Environment) -> list[str]:
    """What a person knows an environment by, the first what most likely differs."""
    libraries = (
        ("TorchSharp", environment.torchsharp),
        ("libtorch", environment.libtorch),
        ("torch", environment.torch),
    )
    named = [f"{name} {library.version}" if library else f"no {name}" for name, library in libraries]
    python = ".".join(environment.python.split(".")[:2])
    return [*named, environment.platform, environment.device, f"Python {python}"]
