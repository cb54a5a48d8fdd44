"""Which libtorch each TorchSharp was built against. Imports nothing of ours.

Source: RELEASENOTES.md of dotnet/TorchSharp; the packages of 0.107.0 themselves.
"""

from __future__ import annotations

LIBTORCH = {
    "0.106.0": "2.10.0",
    "0.105.2": "2.7.1",
    "0.105.0": "2.5.1",
    "0.103.0": "2.4.0",
    "0.102.0": "2.2.1",
    "0.101.0": "2.1.0",
    "0.100.0": "2.0.1",
}
"""libtorch's version, by the first TorchSharp that goes with it; the newest first."""


def libtorch_for(torchsharp: str) -> str | None:
    """The libtorch that a TorchSharp goes with; None for one before the first that is known, and for no version.

    Of a TorchSharp that is newer than all known ones nothing is known either, but that the newest pair may go on.
    """
    try:
        wanted = _numbers(torchsharp)
    except ValueError:
        return None
    return next((libtorch for first, libtorch in LIBTORCH.items() if wanted >= _numbers(first)), None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.partition("-")[0].split(".")))
