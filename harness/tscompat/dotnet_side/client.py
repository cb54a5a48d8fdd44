"""The interface through which routes and workers call .NET: a client answers a call, or gives a reason why it cannot.

May import values. ``process`` has the client that starts real peers; ``WithoutDotnet`` is the client of a run without
.NET.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from .errors import Death
from .messages import Call, Thrown

CALL_SECONDS = 60.0

WITHOUT_DOTNET = "the run is without .NET (--no-dotnet)"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NotAsked:
    """The answer of a client without a peer: the verdicts that need the call are ``not-run`` for this reason."""

    reason: str


@dataclass(frozen=True)
class Violation:
    """In place of an answer: .NET has broken a rule of all calls, so the verdicts that need the answer do not pass."""

    what: str
    """What it did, in a sentence."""
    changed: tuple[str, ...] = ()
    """Each thing that it changed, as ``messages.Done`` names them, and each file."""


class Client(Protocol):
    """Answers calls to .NET."""

    dotnet_seconds: float
    """Seconds spent inside .NET so far, as the peers measured them."""
    deaths: list[Death]
    """The deaths of peers that no call has reported, because they came after an answer."""

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> Answer | Thrown | NotAsked:
        """The answer to a call, what .NET threw, or NotAsked. Waits at most ``seconds``.

        Raises PeerDied when the peer dies or is killed in this call, PeerBroken when no peer can be had or our own code
        in the peer fails.
        """
        ...

    def start(self, purpose: str = "") -> object:
        """Start a peer, if none is alive. The calls from here on have this purpose, to which a death after an answer is
        attributed. Raises PeerBroken when no peer can be had.
        """
        ...

    def renew(self, most: int) -> None:
        """End a peer that holds more than ``most`` bytes."""
        ...

    def close(self) -> None:
        """End the peer process, if there is one."""
        ...


class WithoutDotnet:
    """The client of ``tscompat run --no-dotnet``: it has no peer, and answers every call with NotAsked."""

    dotnet_seconds = 0.0

    def __init__(self) -> None:
        self.deaths: list[Death] = []

    def ask(self, call: Call[Answer], seconds: float = CALL_SECONDS) -> NotAsked:
        return NotAsked(WITHOUT_DOTNET)

    def start(self, purpose: str = "") -> None:
        """Does nothing: this client has no peer."""

    def renew(self, most: int) -> None:
        """Does nothing: this client has no peer."""

    def close(self) -> None:
        """Does nothing: this client has no peer."""
