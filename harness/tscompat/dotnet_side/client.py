"""What the two sides of a run use to speak to .NET: a client answers calls, or describes why it cannot.

May import values. ``process`` has the client that starts real peers; ``WithoutDotnet`` is the one of a run without
.NET.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from .messages import Call, Thrown

CALL_SECONDS = 60.0

WITHOUT_DOTNET = "the run is without .NET (--no-dotnet)"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NotAsked:
    """No peer was asked, and why: what a call would have decided is not run."""

    reason: str


class Client(Protocol):
    """Answers calls."""

    dotnet_seconds: float
    """Spent inside .NET so far, as the peers measured it."""

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> Answer | Thrown | NotAsked:
        """The answer to a call, or what .NET threw.

        Raises PeerDied when the peer dies in this call, PeerBroken when no peer can be had or our own code fails.
        """
        ...

    def start(self) -> object:
        """Have a peer ready. Raises PeerBroken when none can be had."""
        ...

    def renew(self, most: int) -> None:
        """Let a peer go that holds more than ``most`` bytes."""
        ...

    def close(self) -> None:
        """Let the peer go."""
        ...


class WithoutDotnet:
    """The client of ``tscompat run --no-dotnet``: nothing is asked."""

    dotnet_seconds = 0.0

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> NotAsked:
        return NotAsked(WITHOUT_DOTNET)

    def start(self) -> None:
        """There is nothing to start."""

    def renew(self, most: int) -> None:
        """There is no peer."""

    def close(self) -> None:
        """There is no peer."""
