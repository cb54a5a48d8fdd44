"""Finds the data folders that lie beside the package: ``cases/`` and ``dotnet/``. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def data_folder(name: Literal["cases", "dotnet"]) -> Path:
    """The checkout's folder, or else the copy in the installed package (an editable install carries none).

    Raises FileNotFoundError when there is neither.
    """
    package = Path(__file__).resolve().parent
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
