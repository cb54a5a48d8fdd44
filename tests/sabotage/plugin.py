"""A plugin of pytest that puts one fault before the peer: ``-p sabotage.plugin`` with SABOTAGE=NAME."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tscompat.dotnet_side.client import CALL_SECONDS
from tscompat.dotnet_side.process import PeerKeeper

from .table import FAULTS


def pytest_configure() -> None:
    """Have the fault answer in the peer's place."""
    (wrong,) = (fault.wrong for fault in FAULTS if fault.name == os.environ["SABOTAGE"])
    assert wrong is not None
    right = PeerKeeper.ask

    def ask(keeper: PeerKeeper, call: Any, seconds: float = CALL_SECONDS) -> Any:
        return wrong(call, lambda call: right(keeper, call, seconds))

    pytest.MonkeyPatch().setattr(PeerKeeper, "ask", ask)
