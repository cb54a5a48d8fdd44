"""Finds folders: ``cases/`` and ``dotnet/``, and a fast folder for temporary files. Imports nothing of ours."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

SHARED_MEMORY = Path("/dev/shm")
_FREE_IN_MEMORY = 2 << 30


def data_folder(name: Literal["cases", "dotnet"]) -> Path:
    """The folder of this name in the checkout, else its copy in the installed package (an editable install has none).

    Raises FileNotFoundError if there is neither.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent.parent
    places = [package / "_data" / name]
    if package.parent.name == "harness" and (checkout / "pyproject.toml").is_file():
        places.insert(0, checkout / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " or ".join(map(str, places))
    raise FileNotFoundError(f"no folder {name!r} at {looked}: install torchsharp-compat again, or clone it again")


def fast_folder() -> Path:
    """The folder for temporary files: shared memory with more than 2 GiB free, else the system's temporary folder."""
    writable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    if writable and shutil.disk_usage(SHARED_MEMORY).free > _FREE_IN_MEMORY:
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())
