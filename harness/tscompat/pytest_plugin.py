"""A plugin of pytest for other people's tests: the fixture ``torchsharp``. May import dotnet_side, verbs.

It is registered by the entry point ``pytest11``. Nothing is imported until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tscompat.verbs.roundtrip import TorchSharp


@pytest.fixture(scope="session")
def torchsharp() -> Iterator[TorchSharp]:
    """The real TorchSharp, in one process for the whole session. Without .NET the test is skipped, with the reason.

    ``torchsharp.round_trip(model.state_dict())`` has TorchSharp load and save a state dict;
    ``torchsharp.assert_bitwise_equal(model.state_dict())`` compares that with what was given.
    """
    from tscompat.verbs import roundtrip
    from tscompat.verbs.peer import NoPeer

    try:
        with roundtrip.torchsharp() as found:
            yield found
    except NoPeer as error:
        pytest.skip(f"TorchSharp cannot be asked: {error}")
