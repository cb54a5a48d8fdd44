"""The native libraries under TorchSharp: their names, their loading, their versions. Imports nothing of ours."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path
from typing import NamedTuple


class Names(NamedTuple):
    """File names of the native libraries on a platform."""

    libtorchsharp: str
    libtorch: tuple[str, ...]
    """In the order in which they can be loaded. Those of CUDA are there only in a build for it."""
    torch_cpu: str
    """The largest of them, which states the version."""


NAMES = {
    "linux": Names(
        "libLibTorchSharp.so",
        ("libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"),
        "libtorch_cpu.so",
    ),
    "darwin": Names(
        "libLibTorchSharp.dylib", ("libc10.dylib", "libtorch_cpu.dylib", "libtorch.dylib"), "libtorch_cpu.dylib"
    ),
    "win32": Names(
        "LibTorchSharp.dll",
        ("c10.dll", "torch_cpu.dll", "c10_cuda.dll", "torch_cuda.dll", "torch.dll"),
        "torch_cpu.dll",
    ),
}
"""By ``sys.platform``. Only Linux's have been tried."""

_HEADERS = re.compile(rb"libtorch[\w-]*-(\d+\.\d+\.\d+)")
"""A folder of libtorch's headers, as upstream's build names it. Assertions in the headers keep their paths."""


def names() -> Names:
    """The names on this platform."""
    return NAMES[sys.platform]


def load_libtorch(folder: Path) -> ctypes.CDLL:
    """Load libtorch into this process, from where it really lies, and return its largest library.

    Links are resolved because its libraries find others beside themselves. A later load by name alone finds these.
    """
    loaded = {
        name: ctypes.CDLL(str((folder / name).resolve())) for name in names().libtorch if (folder / name).exists()
    }
    return loaded[names().torch_cpu]


def libtorch_version(library: ctypes.CDLL) -> str:
    """The version that a loaded libtorch states of itself. Raises AttributeError for one that states none.

    Its bytes are, from the highest: major, minor, patch (torch/headeronly/version.h, TORCH_ABI_VERSION).
    """
    stated = library.aoti_torch_abi_version
    stated.restype = ctypes.c_uint64
    return ".".join(map(str, int(stated()).to_bytes(8, "big")[:3]))


def compiled_for(library: Path) -> str | None:
    """The version of the libtorch that a LibTorchSharp was compiled for; None if it does not name it."""
    found = _HEADERS.search(library.read_bytes())
    return found[1].decode() if found else None
