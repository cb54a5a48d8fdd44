"""Makes packages of TorchSharp from those that NuGet has: another version number, another TorchSharp.dll."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from tscompat.dotnet_side.integrity import nuget_folder

SIGNATURE = ".signature.p7s"
"""Left out: it signs other bytes."""
NAMES = ("TorchSharp", "TorchVision")


def repack(into: Path, old: str, new: str, dll: Path | None = None) -> None:
    """Write TorchSharp and TorchVision of the version ``old`` into a folder, as the version ``new``.

    ``dll`` takes the place of each TorchSharp.dll in the package. A .nupkg is a zip archive.
    """
    into.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        package = nuget_folder() / name.lower() / old / f"{name.lower()}.{old}.nupkg"
        made = into / f"{name}.{new}.nupkg"
        with zipfile.ZipFile(package) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
            for item in source.infolist():
                data = source.read(item)
                if item.filename.endswith(".nuspec"):
                    data = renumbered(data.decode("utf-8-sig"), old, new).encode()
                elif dll and item.filename.endswith("/TorchSharp.dll"):
                    data = dll.read_bytes()
                if item.filename != SIGNATURE:
                    target.writestr(item, data)


def renumbered(nuspec: str, old: str, new: str) -> str:
    """The text of a .nuspec with another version of TorchSharp, its own and that of which it depends."""
    number = re.escape(old)
    return re.sub(rf'(<version>|id="TorchSharp" version="){number}(?=[<"])', rf"\g<1>{new}", nuspec)


def packed(name: str, words: str = "") -> bytes:
    """The smallest package: ``TorchSharp.0.108.0-dev`` names its id and version; ``words`` make other bytes of it."""
    found = re.fullmatch(r"(.+?)\.(\d+\..+)", name)
    assert found
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        spec = f"<package><metadata><id>{found[1]}</id><version>{found[2]}</version></metadata></package>"
        package.writestr(zipfile.ZipInfo(f"{found[1]}.nuspec"), spec)
        package.writestr(zipfile.ZipInfo("words"), words)
    return data.getvalue()
