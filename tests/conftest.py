"""What the tests share: the real publish, and a real peer."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from dotnet_ports import SOURCES, build
from tscompat.dotnet_side.build import ensure_built
from tscompat.dotnet_side.cache import Publish
from tscompat.dotnet_side.process import Peer, PeerKeeper, inside
from tscompat.python_side.scripts import FUNCTIONS

GIB = 1 << 30

for name in FUNCTIONS:  # these tests ignore the paths to upstream's scripts that the shell has
    os.environ.pop(f"TSCOMPAT_{name.upper()}", None)


@pytest.fixture(scope="session", autouse=True)
def inductor_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Puts AOTInductor's cache into pytest's temporary folder."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path_factory.mktemp("inductor"))


@pytest.fixture(scope="session")
def publish() -> Publish:
    """The .NET project, built once for all test processes."""
    return ensure_built(progress=print)


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of the sample classes of tests/dotnet."""
    return build(SOURCES / "Ports" / "Ports.csproj", tmp_path_factory.mktemp("ports"))


@pytest.fixture(scope="session")
def keeper(publish: Publish, tmp_path_factory: pytest.TempPathFactory) -> Generator[PeerKeeper, None, None]:
    """A real peer with the real TorchSharp in it."""
    log: Path = tmp_path_factory.mktemp("peer") / "peer.log"
    keeper = PeerKeeper(lambda: Peer(inside(publish.folder), log, 8 * GIB))
    yield keeper
    keeper.close()
