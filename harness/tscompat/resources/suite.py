"""Which suite this is: a hash of its code and cases. Imports nothing of ours."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .folders import data_folder

_SUFFIXES = (".py", ".toml", ".json", ".cs", ".csproj")
_NOT_JUDGED_BY = ("golden", "baselines", "_data")
"""Folders of files that no verdict depends on; the last holds the cases in a wheel."""


def suite_digest() -> str:
    """The SHA-256, in hexadecimal, of what decides verdicts: the package, ``cases/`` and ``dotnet/Peer``, with LF line
    ends. The same from a checkout and from a wheel. Raises OSError.
    """
    whole = hashlib.sha256()
    for folder in (Path(__file__).resolve().parents[1], data_folder("cases"), data_folder("dotnet") / "Peer"):
        for file in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
            place = file.relative_to(folder)
            if file.suffix in _SUFFIXES and not {*_NOT_JUDGED_BY, "bin", "obj"} & {*place.parts}:
                content = file.read_bytes().replace(b"\r\n", b"\n")
                whole.update(f"{place.as_posix()}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
