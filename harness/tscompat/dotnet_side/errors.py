"""What goes wrong with builds and peers. May import values."""

from __future__ import annotations

import signal
from typing import NamedTuple

from tscompat.values.verdict import Kind


class BuildError(Exception):
    """The .NET project cannot be built or cannot run here. The message has the reason and what to do."""


class PeerDied(Exception):
    """The peer died in a call or after it; ``kind`` is crash, timeout or memory.

    ``detail`` is short and does not vary between runs; ``log`` is the end of what the peer logged since the call began.
    """

    def __init__(self, kind: Kind, detail: str, log: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.log = log


class Death(NamedTuple):
    """A death after an answer."""

    purpose: str
    """That of the last call that the peer has answered."""
    died: PeerDied


class PeerBroken(Exception):
    """No peer starts, the peer breaks the protocol, or our own code in it fails: the run cannot go on."""


def cause(code: int) -> str:
    """How a process ended, by the exit code that Python has for it."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
