"""Finds folders: ``cases/`` and ``dotnet/`` beside the package, a fast one for temporary files.

Imports nothing of ours.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

SHARED_MEMORY = Path("/dev/shm")
_FREE_IN_MEMORY = 2 << 30


def data_folder(name: Literal["cases", "dotnet"]) -> Path:
    """The checkout's folder, or else the copy in the installed package (an editable install carries none).

    Raises FileNotFoundError when there is neither.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent.parent
    places = [package / "_data" / name]
    if package.parent.name == "harness" and (checkout / "pyproject.toml").is_file():
        places.insert(0, checkout / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(map(str, places))
    raise FileNotFoundError(
        f"no folder {name!r} (looked at {looked}): install torchsharp-compat again, or clone it anew"
    )


def fast_folder() -> Path:
    """Where temporary files go: into memory where more than 2 GiB are free, else into the system's folder."""
    writable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    if writable and shutil.disk_usage(SHARED_MEMORY).free > _FREE_IN_MEMORY:
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())
