"""State dicts through the real TorchSharp and back, for people's own tests. May import values, resources, codec,
python_side, dotnet_side.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.dotnet_side.choice import PINNED, Choice
from tscompat.dotnet_side.messages import Load, Save, Thrown
from tscompat.dotnet_side.process import PeerKeeper
from tscompat.resources.whole import write_whole
from tscompat.values.compare import compare, first
from tscompat.values.verdict import PASS

from .peer import FLAT, ON_THE_CPU, peer_for, refused, seconds_for

if TYPE_CHECKING:
    from tscompat.python_side.torch_tensors import TorchState

_MOST_FOR_A_START = 0
"""Bytes of tensors that must have room when the peer starts: each round trip brings its own."""


class TorchSharp:
    """One peer with the real TorchSharp, for many round trips."""

    def __init__(self, peer: PeerKeeper, folder: Path) -> None:
        self._peer = peer
        self._folder = folder
        self.version: str = peer.start().versions["torchsharp"]
        """That of TorchSharp's package."""

    def round_trip(self, state: TorchState) -> TorchState:
        """Have TorchSharp load a state dict and save it again, and return what is in the file that it saved.

        Raises AssertionError where .NET's memory holds something else after the load, or TorchSharp refuses; ValueError
        for a tensor that its format cannot hold. PeerDied if .NET ends.
        """
        from tscompat.python_side.torch_tensors import entries_of, to_torch

        given, again = self._folder / "given.dat", self._folder / "again.dat"
        write_whole(given, encode_state_dict(entries_of(state)))
        seconds = seconds_for(given.stat().st_size)
        module: dict[str, Any] = {
            "module": FLAT,
            "placement": ON_THE_CPU,
            "overload": "module-path",
            "expected": str(given),
        }
        loaded = self._peer.ask(Load(artifact=str(given), identity=False, strict=True, **module), seconds)
        verdict = refused(loaded) if isinstance(loaded, Thrown) else first(loaded.differences)
        if verdict is not PASS:
            raise AssertionError(f"TorchSharp {self.version} loads something else: {verdict.kind}: {verdict.detail}")
        saved = self._peer.ask(Save(artifact=str(again), flip=None, **module), seconds)
        if isinstance(saved, Thrown):
            raise AssertionError(f"TorchSharp {self.version} does not save it: {refused(saved).detail}")
        return {name: to_torch(tensor) for name, tensor in read_state_dict(again)}

    def assert_bitwise_equal(self, expected: TorchState, found: TorchState | None = None) -> None:
        """Raise AssertionError, which names the first difference, unless both state dicts have the same names, dtypes,
        shapes and bits. Without ``found``, its round trip is compared.
        """
        from tscompat.python_side.torch_tensors import entries_of

        other = self.round_trip(expected) if found is None else found
        verdict = first(compare(entries_of(expected), entries_of(other)))
        if verdict is not PASS:
            raise AssertionError(f"{verdict.kind}: {verdict.detail}")


@contextmanager
def torchsharp(choice: Choice = PINNED) -> Generator[TorchSharp]:
    """A peer with TorchSharp, until the end of the block. Raises ``NoPeer`` with the reason where none can be had."""
    with peer_for(_MOST_FOR_A_START, choice, lambda sentence: None) as (peer, folder):
        yield TorchSharp(peer, folder)
