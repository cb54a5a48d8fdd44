"""``verify`` against load, save and read by each route, and ``parity`` against load and forward on both sides, of 1 GB.

The rivals start their own .NET, as the verbs do. Files lie in the system's cache. Takes some 8 GB of disk.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from bench.bench_codec import label
from bench.fixture import Benchmark
from dotnet.ports import make_wide
from dotnet_ports import SOURCES
from tscompat.codec import read_state_dict
from tscompat.dotnet_side.cache import Publish
from tscompat.verbs.convert import prepare
from tscompat.verbs.parity import Own, parity
from tscompat.verbs.verify import verify

SCRIPT = Path(__file__).with_name("plain_dotnet.py")
FOR_TORCH: Any = safetensors.torch
ROUNDS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model in each format."""
    made = tmp_path_factory.mktemp("ports")
    torch.save(make_wide().state_dict(), made / "model.pth")
    for suffix in (".dat", ".safetensors"):
        prepare(made / "model.pth", made / f"model{suffix}", tell=print).write(lambda written: None)
    return made


def plain(publish: Publish, what: str, *arguments: str) -> None:
    subprocess.run([sys.executable, str(SCRIPT), what, str(publish.folder), *arguments], check=True)


def load_save_read(publish: Publish, folder: Path) -> None:
    """Each route once in .NET, and what it saved read in Python."""
    plain(publish, "routes", str(folder))
    for _, tensor in read_state_dict(folder / "again.dat"):
        bytes(tensor.data)
    FOR_TORCH.load_file(folder / "again.safetensors")
    torch.load(folder / "again.pth")


def load_and_forward(publish: Publish, folder: Path, ports: Path) -> None:
    """Python makes the model and runs it; .NET builds it, loads the weights and runs it."""
    model = make_wide().eval()
    with torch.no_grad():
        model(torch.ones(8, 2048))
    plain(publish, "forward", str(ports), "Ports.Wide", "[64]", str(folder / "model.dat"))


@pytest.mark.parametrize("rival", ["tscompat", "load, save, read"])
def test_verify(rival: str, folder: Path, publish: Publish, benchmark: Benchmark) -> None:
    """All routes, both ways."""
    label(benchmark, "verify, 1 GB", rival)
    targets: dict[str, Callable[[], object]] = {
        "tscompat": lambda: verify(folder / "model.pth"),
        "load, save, read": lambda: load_save_read(publish, folder),
    }
    benchmark.pedantic(targets[rival], rounds=ROUNDS)


@pytest.mark.parametrize("rival", ["tscompat", "load and forward"])
def test_parity(rival: str, folder: Path, publish: Publish, ports: Path, benchmark: Benchmark) -> None:
    """Each layer alone, and the whole."""
    label(benchmark, "parity, 1 GB", rival)
    own = Own(ports, "Ports.Wide", "[64]")
    targets: dict[str, Callable[[], object]] = {
        "tscompat": lambda: parity(f"{SOURCES / 'ports.py'}:make_wide", own, ["8x2048:f32"]),
        "load and forward": lambda: load_and_forward(publish, folder, ports),
    }
    benchmark.pedantic(targets[rival], rounds=ROUNDS)
