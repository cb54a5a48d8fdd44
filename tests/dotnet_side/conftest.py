"""What the tests of what runs in the peer share: a double of .NET, and a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotnet_double import BAG, CPU, ENTRIES, Net, written
from tscompat.dotnet_side import messages


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def load(tmp_path: Path) -> messages.Load:
    """A load of a good file into a bag of the same tensors."""
    expected, artifact = written(tmp_path / "expected", ENTRIES), written(tmp_path / "artifact", ENTRIES)
    return messages.Load("module-path", expected, artifact, BAG, CPU, identity=False, strict=True)
