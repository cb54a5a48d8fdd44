"""Patches a TorchSharp.dll with the faults of dotnet/Faults.cs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tscompat.dotnet_side.build import ensure_built

from .assembly import ASSEMBLY


def patched(into: Path, awake: str = "") -> Path:
    """Patch the package's TorchSharp.dll with all faults. All sleep until the variable SABOTAGE wakes one.

    With ``awake`` the fault of this name is always awake, and no other ever.
    """
    assembly = ensure_built(progress=print).folder / "TorchSharp.dll"
    project = Path(__file__).with_name("dotnet")
    command = ["dotnet", "run", "--project", str(project), "--configuration", "Release", "--", str(assembly), str(into)]
    made = subprocess.run([*command, awake], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    here = [fault.name for fault in ASSEMBLY]
    if sorted(made) != sorted(here):
        raise ValueError(f"dotnet/Faults.cs and assembly.py have other faults: {', '.join({*made} ^ {*here})}")
    return into
