"""Every command of docs/gate-your-build.md, one after the other: `nox -s versions`.

TSCOMPAT_TORCHSHARP is a clone of TorchSharp, which the first command compiles. Without it that command is left out, and
the package's TorchSharp.dll lies where the compiler would put it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tscompat.dotnet_side.build import ensure_built
from tscompat.dotnet_side.integrity import TORCHSHARP

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate-your-build.md").read_text(encoding="utf-8")
CLONE = os.environ.get("TSCOMPAT_TORCHSHARP")


def commands() -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S):
        yield from block.splitlines()


@pytest.mark.timeout(1800)
def test_every_command_of_the_page_runs(tmp_path: Path) -> None:
    clone = Path(CLONE or tmp_path)
    (built,) = {path for line in commands() for path in re.findall(r'--torchsharp-dll "\$TORCHSHARP/([^"]+)"', line)}
    if not CLONE:
        (clone / built).parent.mkdir(parents=True)
        shutil.copyfile(ensure_built(progress=print).folder / TORCHSHARP, clone / built)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran: list[str] = []
    for command in commands():
        if CLONE or not command.startswith("dotnet build"):
            print(f"$ {command}", flush=True)
            environ = {**os.environ, "PATH": path, "TORCHSHARP": str(clone)}
            subprocess.run(["bash", "-c", command], cwd=ROOT, env=environ, check=True)
            ran.append(command)
    assert len(ran) >= 6
